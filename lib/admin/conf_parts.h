/*
 * conf_parts: what the files of conf share, and nobody else includes.
 *
 * conf_memory.c has what a conf owns, and errors; conf_names.c the rules for names, conf_options.c
 * the option table. conf_source.c splits the file into tokens, conf_read.c makes a tree of these,
 * conf_values.c turns what was read into values, conf_address.c collects the addresses in
 * these, conf_check.c checks the sections against each other, and conf.c calls all of them.
 */
#ifndef POSTERN_LIB_ADMIN_CONF_PARTS_H
#define POSTERN_LIB_ADMIN_CONF_PARTS_H

#include "lib/admin/conf.h"

enum conf_kind {
    CONF_TOP,
    CONF_CERTIFICATE,
    CONF_SET,
    CONF_PROFILE,
    CONF_BACKEND,
    CONF_LISTENER,
    CONF_LIMITS,
    CONF_MILTER,
    NUM_CONF_KINDS,
};

enum conf_type {
    CONF_TEXT,       /* struct conf_text */
    CONF_PATH,       /* struct conf_text */
    CONF_WORD,       /* an enum: the index in `words` */
    CONF_NUMBER,     /* unsigned */
    CONF_BOOLEAN,    /* bool */
    CONF_SNI_NAMES,  /* struct conf_texts */
    CONF_PATHS,      /* struct conf_texts */
    CONF_ADDRESS,    /* struct conf_endpoint; "" is none */
    CONF_ADDRESSES,  /* struct conf_endpoint array, its length at `num_offset` */
    CONF_NETWORKS,   /* struct conf_prefixes */
    CONF_REFERENCE,  /* the name of a section; resolved by conf_check.c */
    CONF_REFERENCES, /* a list of these */
    NUM_CONF_TYPES,
};

/* The offset of an option that is checked, but has only one value so far. */
#define CONF_NO_FIELD SIZE_MAX

struct conf_option {
    const char *name;
    enum conf_type type;
    const char *fallback;     /* NULL: mandatory; a list: "" is empty, otherwise
                               * its one value */
    const char *const *words; /* what is allowed; NULL: anything */
    size_t num_words;
    const char *(*complaint)(const char *text); /* NULL, or why a text is not allowed */
    unsigned min;                               /* CONF_NUMBER */
    unsigned max;
    size_t offset;      /* of the field in the section's struct */
    size_t num_offset;  /* CONF_ADDRESSES */
    size_t line_offset; /* CONF_NUMBER, CONF_WORD: of an unsigned for the value's line; 0: none */
};

struct conf_section {
    const char *name; /* "" for the top */
    bool titled;      /* has a name and may appear several times */
    const struct conf_option *options;
    size_t num_options;
};

extern const struct conf_section conf_sections[NUM_CONF_KINDS];

/* More than any section can have. */
#define CONF_MAX_OPTIONS 16

/* The option called `name` of a section, or -1. */
int conf_option_index(const struct conf_section *section, const char *name);

/* The kind of section called `name`; CONF_TOP if there is none. */
enum conf_kind conf_section_kind(const char *name);

/* True for the types whose value is a list; one value of a list needs no braces. */
bool conf_type_is_list(enum conf_type type);

/* --- conf_memory.c ------------------------------------------------------------------------- */

/* An empty conf of the file called `file`, for conf_free(). NULL with `*error`. */
MUST_USE struct conf *conf_new(const char *file, struct conf_error *error);

/* Zeroed memory that conf_free() frees; NULL with `*error`. */
MUST_USE void *conf_alloc(struct conf *conf, size_t num, size_t size, struct conf_error *error);

/* Copies `text` into memory of the conf. NULL with `*error`. */
MUST_USE char *conf_copy(struct conf *conf, const char *text, struct conf_error *error);

/* --- conf_names.c -------------------------------------------------------------------------- */

/* The names of the profiles that are always there. */
#define CONF_NUM_BUILT_IN 2

extern const char *const conf_built_in[CONF_NUM_BUILT_IN];

/* NULL, or what is wrong with the text. */
const char *conf_complain_hostname(const char *text);
const char *conf_complain_sni(const char *text);
const char *conf_complain_path(const char *text);
const char *conf_complain_user(const char *text);
const char *conf_complain_syslog_name(const char *text);
const char *conf_complain_header(const char *text);

/* Also for a profile of a built-in one's name. */
const char *conf_complain_title(enum conf_kind kind, const char *text);

/* --- conf_source.c ------------------------------------------------------------------------- */

enum conf_token_kind {
    CONF_TOKEN_END,  /* of the file; its line is the one after the last */
    CONF_TOKEN_MARK, /* one of = { } , */
    CONF_TOKEN_WORD, /* letters, digits and _ - . without quotes */
    CONF_TOKEN_TEXT, /* was in double quotes */
};

/* A token of the file; a word or a text where a value is. */
struct conf_token {
    enum conf_token_kind kind;
    unsigned line;
    const char *text; /* without quotes and escapes; NULL at the end */
};

bool conf_is_mark(const struct conf_token *token, char mark);

/* The tokens of the file, the last is CONF_TOKEN_END. Braces are balanced, sections are not inside
 * each other, and there are `*num_sections` of these at most. The caller frees the array and all
 * texts in one with free(). NULL with `*error`. */
MUST_USE struct conf_token *conf_source_tokens(const struct conf *conf, const uint8_t *bytes,
                                               size_t len, size_t *num_sections,
                                               struct conf_error *error);

/* --- conf_read.c --------------------------------------------------------------------------- */

/* An option's values in the file. conf_value() */
struct conf_values {
    const struct conf_token *first; /* NULL: the option is not in the file */
    size_t num;                     /* may be 0 for a list */
};

/* A section in the file, or all that is outside of sections. */
struct conf_node {
    const char *title;                            /* NULL: it has none */
    unsigned line;                                /* of its closing brace; 0 for the top */
    struct conf_values options[CONF_MAX_OPTIONS]; /* in the order of conf_sections */
    struct conf_node *next;                       /* of the same kind, in the file's order */
};

struct conf_tree {
    struct conf_token *tokens; /* owned; all texts are borrowed from it */
    struct conf_node top;
    struct conf_node *first[NUM_CONF_KINDS]; /* of each kind; NULL: none */
    size_t num[NUM_CONF_KINDS];
    size_t num_nodes;
    struct conf_node nodes[];
};

/* The file as a tree, for conf_tree_free(). NULL with `*error`. */
MUST_USE struct conf_tree *conf_read(const struct conf *conf, const uint8_t *bytes, size_t len,
                                     struct conf_error *error);

/* NULL is allowed. */
void conf_tree_free(struct conf_tree *tree);

/* Value number `index`. */
const struct conf_token *conf_value(const struct conf_values *values, size_t index);

/* --- conf_values.c ------------------------------------------------------------------------- */

/* Checks the options of a section and puts them, or their defaults, into its struct `object`.
 * Without a section (NULL) all are defaults. References are left to conf_check(). */
MUST_USE int conf_take_options(struct conf *conf, enum conf_kind kind,
                               const struct conf_node *section, void *object,
                               struct conf_error *error);

/* --- conf_check.c -------------------------------------------------------------------------- */

/* Resolves the names by which sections refer to each other, and checks what concerns several of
 * them. */
MUST_USE int conf_check(struct conf *conf, const struct conf_tree *tree, struct conf_error *error);

#endif
