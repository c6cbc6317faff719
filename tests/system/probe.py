"""In the booted machine: connects again and again, and takes the banner.

    probe.py ADDRESS PORT STOP

Says "started" after the first banner. When the file STOP exists, prints a line of JSON:
{"served", "refused", "reset", "closed", "longest"}; "closed": without a banner, "longest": seconds
until one.
"""

import json
import os
import socket
import sys
import threading
import time

THREADS = 4

# Seconds: a client that waits so long has found nobody.
PATIENCE = 30


def connect(address, count, lock):
    began = time.monotonic()
    try:
        with socket.create_connection(address, PATIENCE) as client:
            banner = client.recv(4096)
            if banner[:3] == b"220":
                client.sendall(b"QUIT\r\n")
                client.recv(4096)
        word = "served" if banner[:3] == b"220" else "closed"
    except ConnectionRefusedError:
        word = "refused"
    except ConnectionResetError:
        word = "reset"
    except (BrokenPipeError, TimeoutError):
        word = "closed"
    with lock:
        count[word] += 1
        if word == "served":
            count["longest"] = max(count["longest"], time.monotonic() - began)
            if count["served"] == 1:
                print("started", flush=True)


def main():
    address, stop = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
    count = {"served": 0, "refused": 0, "reset": 0, "closed": 0, "longest": 0.0}
    lock = threading.Lock()

    def again():
        while not os.path.exists(stop):
            connect(address, count, lock)

    threads = [threading.Thread(target=again) for _ in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print(json.dumps(count), flush=True)


main()
