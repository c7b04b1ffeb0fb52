#include <kvcap/serverlog.h>
kvc_code kvc_log_open(struct kvc_arena*a,const char*w,struct kvc_log_reader**o,struct kvc_err*e){(void)a;(void)w;(void)o;return kvc_fail(e,KVC_E_UNSUPPORTED,"log","stub");}
void kvc_log_feed(struct kvc_log_reader*r,const char*b,size_t l){(void)r;(void)b;(void)l;}
kvc_code kvc_log_finish(struct kvc_log_reader*r,struct kvc_serverlog*o,struct kvc_err*e){(void)r;(void)o;return kvc_fail(e,KVC_E_UNSUPPORTED,"log","stub");}
bool kvc_log_looks(const char*t,size_t l){(void)t;(void)l;return false;}
const struct kvc_log_start*kvc_log_last(const struct kvc_serverlog*l){return l->n_starts?&l->starts[0]:0;}
