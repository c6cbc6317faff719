/* What of the configuration the running posternd does not serve. */
#include "daemon/posternctl/check/check.h"
#include "daemon/posternctl/served.h"

json_t *check_served(struct check *check)
{
    const struct conf *conf = check->snapshot->conf;
    json_t *array = json_array();
    json_t *served = NULL;
    struct conf_error error;

    if (served_ask(conf->control.text, &served, &error) == ASK_DONE) {
        served_compare(&check->report, array, conf->file, conf, served);
        json_decref(served);
    } else {
        report_finding(&check->report, array,
                       &(struct finding){.result = FINDING_NOT_CHECKED,
                                         .subject = "what is in force",
                                         .text = error.text,
                                         .cure = ""});
    }
    served_look_for_failed(&check->report, array, conf);
    return array;
}
