/* test_profile_model.c - a model profile: read, written, read back the same.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <ctype.h>
#include "profile_kit.h"
#include "profile_same.h"
#include "src/profile/model_rows.h"
#include "tests/support/close.h"

static kvc_code read_model(struct kvc_arena *arena, const char *text,
                           struct kvc_model *out, struct kvc_err *err)
{
  memset(err, 0, sizeof *err);
  const kvc_code rc = kvc_model_read(arena, text, strlen(text), "m.yaml", out, err);
  if (rc != KVC_E_OK) kit_fault(err, rc, "m.yaml");
  return rc;
}

static void round_trip(const struct kvc_model *model, const char *what)
{
  struct kvc_arena arena;
  struct kvc_buf first, second;
  struct kvc_err err;
  struct kvc_model back;
  kvc_arena_init(&arena, (size_t)16 << 20);
  kvc_buf_init(&first, 4 << 20);
  kvc_buf_init(&second, 4 << 20);
  kvc_model_write(model, &first);
  assert_false(first.full);
  if (read_model(&arena, first.text, &back, &err) != KVC_E_OK)
    fail_msg("%s: %d:%d %s\n%s", what, err.line, err.col, err.msg, first.text);
  if (!same_model(model, &back))
    fail_msg("%s: %s differs\n%s", what, at_fault, first.text);
  kvc_model_write(&back, &second);
  assert_string_equal(first.text, second.text);
  kvc_buf_clear(&first);
  kvc_buf_clear(&second);
  kvc_arena_clear(&arena);
}

/* ---- models out of thin air ---------------------------------------------------- */

static uint64_t dice;

static int64_t roll(int64_t least, int64_t most)
{
  dice = dice * 6364136223846793005u + 1442695040888963407u;
  return least + (int64_t)((dice >> 33) % (uint64_t)(most - least + 1));
}

static int some(void)
{
  return roll(0, 2) == 0 ? 0 : (int)roll(1, 100000);
}

static bool coin(void)
{
  return roll(0, 1) == 1;
}

static const char *words(void)
{
  static const char *const list[] = {NULL,
                                     "plain",
                                     "true",
                                     "null",
                                     "0.19",
                                     "- dash",
                                     "a: b",
                                     "#hash",
                                     "quo\"te",
                                     "back\\slash",
                                     "new\nline",
                                     "tab\tstop",
                                     "caf\xc3\xa9",
                                     "a  b",
                                     " lead",
                                     "trail ",
                                     "x"
                                     "\xe2\x80\xa8"
                                     "y",
                                     "{brace}",
                                     "[bracket]",
                                     "%",
                                     "@at",
                                     "`tick`",
                                     "*star",
                                     "&and",
                                     "!bang",
                                     "|",
                                     ">",
                                     "'",
                                     "~",
                                     "org/Name-1.5_B (x)",
                                     "\xf0\x9f\xa6\x99",
                                     "\xef\xbb\xbf"
                                     "bom",
                                     "Yes",
                                     "No",
                                     ","};
  return list[roll(0, (int64_t)(sizeof list / sizeof *list) - 1)];
}

static const char *word(void)
{
  const char *w = words();
  return w != NULL ? w : "word";
}

static struct kvc_layer layer_roll(void)
{
  struct kvc_layer l = {.mixer = (enum kvc_mixer)roll(0, KVC_MIX_COUNT_ - 1),
                        .ffn = (enum kvc_ffn)roll(0, 2),
                        .parallel_mamba = coin(),
                        .kv_shared = coin(),
                        .k_is_v = coin(),
                        .indexer = coin(),
                        .heads = some(),
                        .kv_heads = some(),
                        .head_dim = some(),
                        .v_head_dim = some(),
                        .window_tok = some(),
                        .ffn_width = roll(0, 100000000),
                        .kv_compress = (int)roll(0, 9),
                        .extra_params = roll(0, 1000000000000)};
  for (size_t i = 0; i < KVC_PART_COUNT_; i++)
    if (roll(0, 3) == 0) l.part_quant[i] = (unsigned char)roll(0, KVC_QUANT_COUNT_);
  return l;
}

static struct kvc_layer *layers_roll(struct kvc_arena *arena, size_t n)
{
  struct kvc_layer kinds[12], *out = kvc_arena_alloc(arena, n, sizeof *out);
  const int64_t n_kinds = roll(1, 12), period = roll(1, 7);
  assert_non_null(out);
  for (int64_t i = 0; i < n_kinds; i++) kinds[i] = layer_roll();
  for (size_t i = 0; i < n; i++)
    out[i] = (int64_t)i >= period && roll(0, 9) > 0 ? out[i - (size_t)period]
                                                    : kinds[roll(0, n_kinds - 1)];
  return out;
}

static void parts_roll(struct kvc_model *m)
{
  m->mla = (struct kvc_mla){some(), some(), some(), some(), some(), some(),
                            some(), some(), some(), some(), coin(), coin()};
  m->moe = (struct kvc_moe){.experts = (int)roll(1, 512),
                            .experts_per_tok = some(),
                            .shared_experts = some(),
                            .shared_width = some(),
                            .shared_gate = coin(),
                            .router_bias = coin(),
                            .expert_bias = coin(),
                            .gated = coin(),
                            .latent_width = some(),
                            .shared_bias = coin()};
  m->ssm = (struct kvc_ssm){some(), some(), some(), some(), some(), some(),
                            some(), some(), some(), some(), some(), coin(),
                            coin(), coin(), coin(), coin(), coin()};
  m->quant = (struct kvc_quant){
      .kind = (enum kvc_quant_kind)roll(0, KVC_QUANT_COUNT_ - 1),
      .method = words(),
      .bits = (double)roll(0, 1600) / 100,
      .group_size = (int)roll(-1, 256),
      .block_rows = some(),
      .block_cols = some(),
      .scale_bytes = (double)roll(0, 8) / 2,
      .zero_bits = (double)roll(0, 8),
      .act_order = coin(),
      .skip_lm_head = coin(),
      .skip_embed = coin(),
      .skip_attention = coin(),
      .skip_dense_ffn = coin(),
      .skip_shared_expert = coin(),
      .skip_router = coin(),
      .skip_ssm = coin(),
      .skip_vision = coin(),
      .experts_only = coin(),
      .attention_kind = (enum kvc_quant_kind)roll(0, KVC_QUANT_COUNT_ - 1),
      .attention_bits = (double)roll(0, 16),
      .kv_cache_dtype = words(),
      .double_quant = coin()};
  m->n_towers = (size_t)roll(0, KVC_MAX_TOWERS);
  for (size_t i = 0; i < m->n_towers; i++)
    m->towers[i] = (struct kvc_tower){
        word(), (double)roll(0, 1000000000) / 3, some(), some(), some(), some(), some()};
}

static void model_roll(struct kvc_arena *arena, struct kvc_model *m)
{
  *m = (struct kvc_model){.name = word(),
                          .architecture = words(),
                          .cite = word(),
                          .notes = words(),
                          .dtype = word(),
                          .hidden = roll(1, 100000),
                          .vocab = roll(0, 1000000),
                          .vocab_padded = some(),
                          .max_position_tok = roll(0, 10000000),
                          .tie_embeddings = coin(),
                          .pooling = coin(),
                          .learned_positions = some(),
                          .embed_width = some(),
                          .extra_embed_params = roll(0, 1000000000000),
                          .n_layers = (size_t)roll(1, 200),
                          .norms_per_layer = (int)roll(0, 8),
                          .norm_width_factor = (int)roll(0, 2),
                          .final_norm = coin(),
                          .embed_norm = coin(),
                          .qkv_bias = coin(),
                          .o_bias = coin(),
                          .mlp_bias = coin(),
                          .lm_head_bias = coin(),
                          .mlp_gated = coin(),
                          .attn_gate = coin(),
                          .sinks = coin(),
                          .qk_norm = (enum kvc_qk_norm)roll(0, 2),
                          .extra_layer_params = some(),
                          .mtp_layers = (int)roll(0, 3),
                          .n_mtp = (size_t)roll(0, 4),
                          .mtp_extra_params = roll(0, 1000000000),
                          .mtp_own_params = roll(0, 1000000000),
                          .rope_cache_elems = (double)roll(0, 1000000),
                          .published_params = 7.241732096e9,
                          .published_bytes = (double)roll(0, 1000000000000)};
  m->n_aliases = (size_t)roll(0, 5);
  for (size_t i = 0; i < m->n_aliases; i++) m->aliases[i] = word();
  m->layers = layers_roll(arena, m->n_layers);
  if (m->n_mtp > 0) m->mtp = layers_roll(arena, m->n_mtp);
  parts_roll(m);
}

static void any_model_reads_back_as_it_was_written(void **state)
{
  (void)state;
  for (unsigned seed = 1; seed <= 500; seed++) {
    struct kvc_arena arena;
    struct kvc_model m;
    char what[32];
    dice = seed;
    kvc_arena_init(&arena, (size_t)16 << 20);
    model_roll(&arena, &m);
    (void)snprintf(what, sizeof what, "seed %u", seed);
    round_trip(&m, what);
    kvc_arena_clear(&arena);
  }
}

static void file_round_trip(void *ctx, const char *path, const char *text, size_t len)
{
  struct kvc_arena arena;
  struct kvc_model m;
  struct kvc_err err;
  (void)ctx;
  kvc_arena_init(&arena, (size_t)16 << 20);
  if (kvc_model_read(&arena, text, len, path, &m, &err) != KVC_E_OK)
    fail_msg("%s:%d:%d: %s", path, err.line, err.col, err.msg);
  round_trip(&m, path);
  kvc_arena_clear(&arena);
}

static void every_profile_reads_back_as_it_was_written(void **state)
{
  (void)state;
  (void)kit_walk(kit_source("profiles/models"), file_round_trip, NULL);
  file_round_trip(NULL, "kit", kit_model, strlen(kit_model));
}

/* ---- reading -------------------------------------------------------------------- */

static void layers_unfold_from_their_pattern(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_model m;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read_model(&arena, kit_model, &m, &err), KVC_E_OK);
  /* 2 + 3 x (2 x 2 + 1) + 1 = 18 */
  static const char want[] = "ssgsgsfgsgsfgsgsfg";
  assert_int_equal(m.n_layers, 18);
  for (size_t i = 0; i < m.n_layers; i++) {
    const struct kvc_layer *l = &m.layers[i];
    const char kind = l->mixer == KVC_MIX_FULL  ? 'f'
                      : l->mixer == KVC_MIX_GDN ? 'g'
                                                : 's';
    assert_int_equal(kind, want[i]);
    assert_int_equal(l->kv_compress, 1);
    assert_int_equal(l->ffn, kind == 's' ? KVC_FFN_DENSE : KVC_FFN_MOE);
  }
  assert_int_equal(m.layers[0].window_tok, 1024);
  assert_int_equal(m.layers[6].part_quant[KVC_PART_EXPERTS], 1 + KVC_QUANT_MXFP4);
  assert_int_equal(m.layers[6].part_quant[KVC_PART_ATTN_IN], 1 + KVC_QUANT_NONE);
  assert_int_equal(m.layers[6].part_quant[KVC_PART_DENSE], 0);
  assert_int_equal(m.n_mtp, 1);
  assert_int_equal(m.mtp[0].head_dim, 256);
  assert_int_equal(m.quant.block_rows, 128);
  assert_int_equal(m.towers[0].hidden, 1152);
  assert_close(m.towers[0].params, 4.17e8, 0);
  assert_null(m.notes);
  kvc_arena_clear(&arena);
}

/* The sample with one line replaced (or, with 'with' NULL, left out). */
static char *edited(struct kvc_arena *arena, const char *line, const char *with)
{
  struct kvc_buf out;
  kvc_buf_init(&out, 1 << 16);
  bool found = false;
  for (const char *p = kit_model; *p != '\0';) {
    const size_t len = strcspn(p, "\n") + 1;
    const bool this = strncmp(p, line, strlen(line)) == 0;
    found = found || this;
    if (!this) kvc_buf_add(&out, p, len);
    if (this && with != NULL) kvc_buf_printf(&out, "%s\n", with);
    p += len;
  }
  if (!found) fail_msg("no line %s", line);
  char *text = kvc_arena_strdup(arena, out.text);
  kvc_buf_clear(&out);
  return text;
}

static void faults_name_the_key_and_what_would_be_right(void **state)
{
  (void)state;
  static const struct {
    const char *line, *with;
    kvc_code code;
    const char *says;
  } bad[] = {
      {"name:", NULL, KVC_E_PARSE, "name"},
      {"cite:", NULL, KVC_E_PARSE, "cite"},
      {"hidden:", "hidden: 0", KVC_E_RANGE, "hidden"},
      {"hidden:", "hidden: 2048.5", KVC_E_PARSE, "whole"},
      {"hidden:", "hiden: 2048", KVC_E_UNKNOWN, "did you mean \"hidden\""},
      {"vocab:", "vocab: lots", KVC_E_PARSE, "number"},
      {"vocab:", "vocab: 0x10", KVC_E_PARSE, "number"},
      {"vocab:", "vocab: 1e99", KVC_E_RANGE, "outside"},
      {"layers:", "layers: \"2x\"", KVC_E_UNKNOWN, "\"x\""},
      {"layers:", "layers: \"2000f\"", KVC_E_LIMIT, "1024"},
      {"layers:", "layers: \"\"", KVC_E_PARSE, "layers"},
      {"layers:", "layers: [f]", KVC_E_PARSE, "layers"},
      {"layers:", NULL, KVC_E_PARSE, "layers"},
      {"mtp:", "mtp: \"z\"", KVC_E_UNKNOWN, "\"z\""},
      {"moe:", NULL, KVC_E_PARSE, "moe"},
      {"moe:", "moe: {experts: 64, experts_per_token: 8}", KVC_E_UNKNOWN,
       "experts_per_tok"},
      {"moe:", "moe: [64, 8]", KVC_E_PARSE, "mapping"},
      {"quant:", "quant: {kind: fp9}", KVC_E_UNKNOWN, "fp8"},
      {"qk_norm:", "qk_norm: both", KVC_E_UNKNOWN, "qk_norm"},
      {"  g:", "  g: {mixer: gnd}", KVC_E_UNKNOWN, "gdn"},
      {"  g:", "  g: {ffn: dense}", KVC_E_PARSE, "mixer"},
      {"  g:", "  g: {mixer: gdn, kv_compress: 1, formats: {expert: fp8}}", KVC_E_UNKNOWN,
       "expert"},
      {"  g:", "  g: {mixer: gdn, kv_compress: 1, formats: {experts: fp9}}",
       KVC_E_UNKNOWN, "fp8"},
      {"  g:", "  g: {mixer: gdn, kv_compress: 1, formats: fp8}", KVC_E_PARSE, "formats"},
      {"final_norm:", "final_norm: 1", KVC_E_PARSE, "true or false"},
      {"  - {kind: vision", "  - {params: 1, hidden: 2}", KVC_E_PARSE, "kind"},
  };
  struct kvc_arena arena;
  struct kvc_err err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_model m = {.hidden = 77};
    kvc_arena_init(&arena, 1 << 20);
    const char *text = edited(&arena, bad[i].line, bad[i].with);
    const kvc_code rc = read_model(&arena, text, &m, &err);
    if (rc != bad[i].code || strstr(err.msg, bad[i].says) == NULL)
      fail_msg("%s -> %s %d:%d %s", bad[i].with, kvc_err_name(rc), err.line, err.col,
               err.msg);
    assert_int_equal(m.hidden, 77); /* untouched */
    kvc_arena_clear(&arena);
  }
}

static void want_of_memory_is_a_limit(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_model m;
  kvc_code rc = KVC_E_LIMIT;
  for (size_t cap = 0; rc != KVC_E_OK; cap += 16) {
    kvc_arena_init(&arena, cap);
    rc = read_model(&arena, kit_model, &m, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    assert_true(cap < 1 << 20);
    kvc_arena_clear(&arena);
  }
}

static void a_full_buffer_is_told_not_overrun(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_model m;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read_model(&arena, kit_model, &m, &err), KVC_E_OK);
  for (size_t cap = 0; cap < 1800; cap++) {
    struct kvc_buf out;
    kvc_buf_init(&out, cap);
    kvc_model_write(&m, &out);
    assert_true(out.len <= cap);
    if (cap < 200) assert_true(out.full);
    kvc_buf_clear(&out);
  }
  kvc_arena_clear(&arena);
}

/* ---- no field of domain.h is forgotten ------------------------------------------ */

static bool is_key(const char *name)
{
  static const struct field *const tables[] = {
      model_head_rows, model_rest_rows, layer_rows, mla_rows,
      moe_rows,        ssm_rows,        quant_rows, tower_rows};
  static const char *const apart[] = {"layers", "mtp",    "mla",       "moe", "ssm",
                                      "quant",  "towers", "part_quant" /* "formats" */};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct field *f = tables[t]; f->key != NULL; f++)
      if (strcmp(f->key, name) == 0) return true;
  for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
    if (strcmp(apart[i], name) == 0) return true;
  return strncmp(name, "n_", 2) == 0;
}

/* Identifiers before ';' ',' or '[' are the members of a struct of plain fields. */
static size_t members_of(char *text, const char *name)
{
  char head[64];
  size_t found = 0;
  (void)snprintf(head, sizeof head, "struct %s {", name);
  char *p = strstr(text, head);
  if (p == NULL) fail_msg("%s is not in domain.h", name);
  char *end = strstr(p, "\n};");
  assert_non_null(end);
  for (p += strlen(head); p < end; p++) {
    if (p[0] == '/' && p[1] == '*') p = strstr(p, "*/") + 2;
    if (!isalpha((unsigned char)*p)) continue;
    const char *start = p;
    while (isalnum((unsigned char)*p) || *p == '_') p++;
    if (*p == ';' || *p == ',' || *p == '[') {
      char member[64];
      (void)snprintf(member, sizeof member, "%.*s", (int)(p - start), start);
      if (!is_key(member)) fail_msg("%s.%s has no key in a model profile", name, member);
      found++;
      if (*p == '[') p += strcspn(p, "]");
    }
  }
  return found;
}

static void every_field_of_a_model_has_a_key(void **state)
{
  (void)state;
  static const char *const structs[] = {"kvc_layer", "kvc_mla",   "kvc_moe",  "kvc_ssm",
                                        "kvc_quant", "kvc_tower", "kvc_model"};
  char *text;
  size_t len;
  struct kvc_arena arena;
  struct kvc_err err;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(kvc_file_read_into(&arena, kit_source("include/kvcap/domain.h"),
                                      1 << 20, &text, &len, &err),
                   KVC_E_OK);
  for (size_t i = 0; i < sizeof structs / sizeof *structs; i++)
    assert_true(members_of(text, structs[i]) >= 7);
  kvc_arena_clear(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_unfold_from_their_pattern),
      cmocka_unit_test(faults_name_the_key_and_what_would_be_right),
      cmocka_unit_test(any_model_reads_back_as_it_was_written),
      cmocka_unit_test(every_profile_reads_back_as_it_was_written),
      cmocka_unit_test(want_of_memory_is_a_limit),
      cmocka_unit_test(a_full_buffer_is_told_not_overrun),
      cmocka_unit_test(every_field_of_a_model_has_a_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
