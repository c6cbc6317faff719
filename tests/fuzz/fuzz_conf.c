/*
 * Fuzz target: a configuration file. What is accepted keeps what conf.h promises, whatever was in
 * the file; where the control socket is, found without reading the file as a whole, agrees with it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/admin/conf.h"

#define FILE_NAME "dir/postern.conf"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* A name of a section and its line. */
static void check_name(const char *name, unsigned line, unsigned last)
{
    must(name[0] != '\0' && strlen(name) <= 63);
    must(line > 0 && line <= last);
}

static void check_text(const struct conf_text *text, unsigned last)
{
    must(text->line <= last);
    for (const char *at = text->text; *at != '\0'; at++) {
        must((uint8_t)*at >= ' ' && *at != 0x7f);
    }
}

static void check_texts(const struct conf_texts *texts, unsigned last)
{
    for (size_t i = 0; i < texts->num; i++) {
        check_text(&texts->items[i], last);
    }
}

static void check_listener(const struct conf *conf, const struct conf_listener *listener,
                           unsigned last)
{
    check_name(listener->name, listener->line, last);
    check_text(&listener->client_ca, last);
    must(listener->num_addresses > 0);
    must(listener->backend >= conf->backends &&
         listener->backend < conf->backends + conf->num_backends);
    must(listener->profile >= conf->profiles &&
         listener->profile < conf->profiles + conf->num_profiles);
    must((listener->num_sets == 0) == (listener->tls == CONF_TLS_NONE));
    for (size_t i = 0; i < listener->num_sets; i++) {
        must(listener->sets[i] >= conf->sets && listener->sets[i] < conf->sets + conf->num_sets);
    }
}

static void check_set(const struct conf *conf, const struct conf_set *set, unsigned last)
{
    check_name(set->name, set->line, last);
    check_texts(&set->names, last);
    must(set->num_certificates > 0);
    for (size_t i = 0; i < set->num_certificates; i++) {
        must(set->certificates[i] >= conf->certificates &&
             set->certificates[i] < conf->certificates + conf->num_certificates);
    }
}

static void check_conf(const struct conf *conf, unsigned last)
{
    check_text(&conf->hostname, last);
    check_text(&conf->user, last);
    check_text(&conf->control, last);
    check_text(&conf->state_directory, last);
    check_texts(&conf->ticket_keys, last);
    check_text(&conf->milter.policy, last);
    must(conf->milter.line <= last);
    for (size_t i = 0; i < conf->num_certificates; i++) {
        check_name(conf->certificates[i].name, conf->certificates[i].line, last);
        check_text(&conf->certificates[i].chain, last);
        check_text(&conf->certificates[i].key, last);
    }
    for (size_t i = 0; i < conf->num_sets; i++) {
        check_set(conf, &conf->sets[i], last);
    }
    for (size_t i = 0; i < conf->num_profiles; i++) {
        must(conf->profiles[i].line <= last);
        check_text(&conf->profiles[i].ciphers, last);
    }
    for (size_t i = 0; i < conf->num_backends; i++) {
        check_name(conf->backends[i].name, conf->backends[i].line, last);
        must(conf->backends[i].num_addresses > 0);
    }
    must(conf->num_listeners > 0);
    for (size_t i = 0; i < conf->num_listeners; i++) {
        check_listener(conf, &conf->listeners[i], last);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_error error = {""};
    struct conf *conf = conf_parse(FILE_NAME, data, size, &error);
    struct conf_control control;
    unsigned last = 1;
    int found;

    for (size_t i = 0; i < size; i++) {
        last += data[i] == '\n';
    }
    must((conf == NULL) == (strncmp(error.text, FILE_NAME ":", strlen(FILE_NAME ":")) == 0));
    found = conf_find_control(FILE_NAME, data, size, &control, &error);
    if (conf != NULL) {
        check_conf(conf, last);
        must(conf_check_reload(conf, conf, conf->workers, &error) == 0);
        /* It is found as written, with its escapes. */
        must(found == 0 && control.line == conf->control.line);
        must(strchr(control.path, '\\') != NULL || strcmp(control.path, conf->control.text) == 0);
    }
    conf_free(conf);
    return 0;
}
