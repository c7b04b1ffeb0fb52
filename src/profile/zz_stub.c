#include <kvcap/tune.h>
#include <kvcap/fetch.h>
kvc_code kvc_tunes_read(struct kvc_arena *a, const char *t, size_t l, const char *f, struct kvc_rule_tune **o, size_t *n, struct kvc_err *e){(void)a;(void)t;(void)l;(void)f;(void)o;(void)n;return kvc_fail(e,KVC_E_UNSUPPORTED,"--rules","stub");}
kvc_code kvc_fetch_open(const struct kvc_fetch_options*o,struct kvc_fetch**f,struct kvc_err*e){(void)o;(void)f;return kvc_fail(e,KVC_E_UNSUPPORTED,"fetch","stub");}
void kvc_fetch_close(struct kvc_fetch*f){(void)f;}
kvc_code kvc_fetch_get(struct kvc_fetch*f,const char*u,const char**b,size_t*l,struct kvc_err*e){(void)f;(void)u;(void)b;(void)l;return kvc_fail(e,KVC_E_UNSUPPORTED,"fetch","stub");}
