/* cli_schema.h - what the program printed, held against its schema.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef CLI_SCHEMA_H
#define CLI_SCHEMA_H

#include "cli_kit.h"
#include "tests/support/json_schema.h"

/* Every key is described and every key that is described is there. */
static inline void expect_schema(const char *name, const struct kit_run *r)
{
  cJSON *schema = cJSON_Parse(read_schema_of(name)), *root = kit_json(r);
  assert_non_null(schema);
  faults = 0;
  validate(schema, root, name, true);
  assert_int_equal(faults, 0);
  cJSON_Delete(schema);
  cJSON_Delete(root);
}

#endif
