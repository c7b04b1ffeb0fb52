#ifndef KVCAP_TUNE_H
#define KVCAP_TUNE_H
#include <kvcap/rules.h>
kvc_code kvc_tunes_read(struct kvc_arena *arena, const char *text, size_t len, const char *file, struct kvc_rule_tune **out, size_t *n, struct kvc_err *err) KVC_MUST_USE;
#endif
