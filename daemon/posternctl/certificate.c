/* posternctl certificate: where a certificate's files are, for the hooks of ACME clients. Nothing
 * is loaded, so that it also answers while a file is missing or broken. */
#include "daemon/common/readconf.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf_certificate *find(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->num_certificates; i++) {
        if (strcmp(conf->certificates[i].name, name) == 0) {
            return &conf->certificates[i];
        }
    }
    return NULL;
}

/* 0, or -1 if there is no memory. */
static int print(const struct conf *conf, const struct conf_certificate *certificate, bool json)
{
    struct report r;
    int status = 0;

    if (!json) {
        printf("chain=%s\nkey=%s\nuser=%s\n", certificate->chain.text, certificate->key.text,
               conf->user.text);
        return 0;
    }
    report_begin(&r);
    report_put(&r, r.document, "chain", report_text(certificate->chain.text));
    report_put(&r, r.document, "key", report_text(certificate->key.text));
    report_put(&r, r.document, "user", report_text(conf->user.text));
    status = report_print_json(report_document(&r), stdout);
    report_end(&r);
    return status;
}

int command_certificate(const struct invocation *invocation)
{
    const char *name = invocation->arguments[0];
    const struct conf_certificate *certificate;
    struct conf_error error;
    struct conf *conf = readconf(invocation->file, &error);
    int status = EXIT_SUCCESS;

    if (conf == NULL) {
        return command_fail(error.text);
    }
    certificate = find(conf, name);
    if (certificate == NULL) {
        fprintf(stderr, "posternctl: %s: there is no certificate \"%s\"\n", conf->file, name);
        status = EXIT_FINDING;
    } else if (print(conf, certificate, invocation->json) != 0) {
        status = command_fail("out of memory");
    }
    conf_free(conf);
    return status;
}
