/* sinks.c - the list of output formats.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sinks.h"
#include <string.h>

static const struct kvc_sink sinks[] = {
#define KVC_SINK(name, help) {#name, help, sink_##name},
#include "sinks.def"
#undef KVC_SINK
};

const struct kvc_sink *kvc_sink_at(size_t i)
{
  return i < sizeof sinks / sizeof sinks[0] ? &sinks[i] : NULL;
}

const struct kvc_sink *kvc_sink_find(const char *name)
{
  for (size_t i = 0; i < sizeof sinks / sizeof sinks[0]; i++)
    if (strcmp(sinks[i].name, name) == 0) return &sinks[i];
  return NULL;
}
