/* test_profile_db.c - names people type, and the profiles they mean.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include "profile_kit.h"

struct open {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_err err;
};

static int db_open(void **state)
{
  static struct open o;
  *state = &o;
  kvc_arena_init(&o.arena, (size_t)256 << 20);
  return kvc_db_open(&o.arena, NULL, 0, &o.db, &o.err) == KVC_E_OK ? 0 : 1;
}

static int db_close(void **state)
{
  struct open *o = *state;
  kvc_arena_clear(&o->arena);
  return 0;
}

static void print_fault(void *ctx, const struct kvc_err *fault)
{
  (void)ctx;
  print_error("%s:%d:%d: %s\n", fault->where, fault->line, fault->col, fault->msg);
}

static void the_embedded_facts_are_without_fault(void **state)
{
  struct open *o = *state;
  size_t files = 0, faults = 77;
  kvc_db_check(o->db, print_fault, NULL, &files, &faults);
  assert_int_equal(faults, 0);
  assert_true(files > 200);
}

static void opening_costs_little_memory(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_db *db = NULL;
  struct kvc_err err;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_true(arena.used_bytes < 256 << 10); /* a table of files, no trees */
  kvc_arena_clear(&arena);
}

/* ---- GPUs ----------------------------------------------------------------------- */

/* The canonical name, or the message of the failure. */
static const char *gpu(struct open *o, const char *asked, struct kvc_match *m)
{
  static struct kvc_gpu g;
  *m = (struct kvc_match){0};
  if (kvc_db_gpu(o->db, asked, &g, m, &o->err) != KVC_E_OK) return o->err.msg;
  assert_string_equal(g.name, m->name);
  assert_string_equal(m->asked, asked);
  return m->name;
}

static void every_spelling_finds_its_card(void **state)
{
  struct open *o = *state;
  const char *const *names;
  size_t n;
  assert_int_equal(kvc_db_list(o->db, KVC_KIND_GPU, &names, &n, &o->err), KVC_E_OK);
  assert_true(n >= 60);
  for (size_t i = 0; i < n; i++) {
    struct kvc_gpu g, again;
    struct kvc_match m;
    assert_int_equal(kvc_db_gpu(o->db, names[i], &g, &m, &o->err), KVC_E_OK);
    assert_string_equal(m.name, names[i]);
    assert_true(m.embedded && !m.family && m.note == NULL);
    assert_int_equal(strncmp(m.file, "profiles/gpus/", 14), 0);
    for (size_t k = 0; k < g.n_aliases + g.n_family; k++) {
      const char *name = k < g.n_aliases ? g.aliases[k] : g.family[k - g.n_aliases];
      if (kvc_db_gpu(o->db, name, &again, &m, &o->err) != KVC_E_OK)
        fail_msg("%s: %s", name, o->err.msg);
      if (strcmp(m.name, names[i]) != 0)
        fail_msg("%s is %s, not %s", name, m.name, names[i]);
      if (k >= g.n_aliases && m.family && m.note == NULL) fail_msg("%s: no note", name);
    }
  }
}

static void case_separators_and_makers_do_not_matter(void **state)
{
  struct open *o = *state;
  static const char *const same[][2] = {
      {"h100-sxm5-80gb", "H100-SXM5-80GB"},
      {"NVIDIA H100 80GB HBM3", "H100-SXM5-80GB"},
      {"nvidia_h100_80gb_hbm3", "H100-SXM5-80GB"},
      {"Tesla T4", "T4"},
      {"NVIDIA Tesla T4", "T4"},
      {"t4", "T4"},
      {"GeForce RTX 4090", "RTX-4090"},
      {"NVIDIA GeForce RTX 4090", "RTX-4090"},
      {"rtx4090", "RTX-4090"},
      {"AMD Instinct MI300X", "MI300X"},
      {"Instinct MI300X", "MI300X"},
      {"AMD MI300X", "MI300X"},
      {"Intel Gaudi3", "Gaudi3"},
      {"A100-80G", "A100-SXM4-80GB"},
  };
  struct kvc_match m;
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    assert_string_equal(gpu(o, same[i][0], &m), same[i][1]);
}

static void a_family_name_is_its_most_deployed_card_and_says_so(void **state)
{
  struct open *o = *state;
  struct kvc_match m;
  assert_string_equal(gpu(o, "H100", &m), "H100-SXM5-80GB");
  assert_true(m.family);
  assert_non_null(strstr(m.note, "H100 is read as H100-SXM5-80GB"));
  assert_non_null(strstr(m.note, "H100-PCIe"));
  assert_non_null(strstr(m.note, "H100-NVL"));
}

static void counts_are_sent_to_the_parallelism_flags(void **state)
{
  struct open *o = *state;
  static const char *const counted[] = {"8x A100-80G", "8xH100", "2 x T4",
                                        "A100-80G x8", "H100x8", "H100-SXM5-80GB x 16"};
  struct kvc_match m;
  for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
    if (strstr(gpu(o, counted[i], &m), "--tensor-parallel-size") == NULL)
      fail_msg("%s -> %s", counted[i], o->err.msg);
  static const char *const plain[] = {"MI300X", "MI250X", "RTX 4090", "RX 7900 XTX"};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    assert_non_null((gpu(o, plain[i], &m), m.name));
  assert_null(strstr(gpu(o, "RTX 5", &m), "--tensor-parallel-size"));
}

static void what_fits_several_cards_is_refused_with_their_names(void **state)
{
  struct open *o = *state;
  struct kvc_gpu g;
  struct kvc_match m;
  assert_int_equal(kvc_db_gpu(o->db, "RTX", &g, &m, &o->err), KVC_E_AMBIGUOUS);
  assert_non_null(strstr(o->err.msg, "RTX-3090"));
  assert_int_equal(kvc_db_gpu(o->db, "GH200", &g, &m, &o->err) == KVC_E_OK && !m.family,
                   0);
}

static void an_unknown_card_gets_suggestions_and_leaves_outputs_alone(void **state)
{
  struct open *o = *state;
  struct kvc_gpu g = {.link_domain = 77};
  struct kvc_match m = {.asked = "untouched"};
  static const char *const bad[] = {
      "H1000", "A1OO-80GB", "quantum",          "",     " ",       "/",
      "-",     "x",         "../../etc/passwd", "%s%n", "\xff\xfe"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const kvc_code rc = kvc_db_gpu(o->db, bad[i], &g, &m, &o->err);
    if (rc != KVC_E_UNKNOWN && rc != KVC_E_AMBIGUOUS) fail_msg("\"%s\"", bad[i]);
    assert_int_equal(g.link_domain, 77);
    assert_string_equal(m.asked, "untouched");
  }
  (void)!kvc_db_gpu(o->db, "A1OO-80GB", &g, &m, &o->err);
  assert_non_null(strstr(o->err.msg, "did you mean A100"));
  char *big = malloc(100001);
  assert_non_null(big);
  memset(big, 'h', 100000);
  big[100000] = '\0';
  assert_int_equal(kvc_db_gpu(o->db, big, &g, &m, &o->err), KVC_E_UNKNOWN);
  free(big);
}

/* ---- models --------------------------------------------------------------------- */

static const char *model(struct open *o, const char *asked, struct kvc_match *m)
{
  static struct kvc_model out;
  *m = (struct kvc_match){0};
  if (kvc_db_model(o->db, asked, &out, m, &o->err) != KVC_E_OK) return o->err.msg;
  assert_string_equal(out.name, m->name);
  return m->name;
}

static void every_model_is_found_by_name_and_alias(void **state)
{
  struct open *o = *state;
  const char *const *names;
  size_t n;
  assert_int_equal(kvc_db_list(o->db, KVC_KIND_MODEL, &names, &n, &o->err), KVC_E_OK);
  assert_true(n >= 150);
  for (size_t i = 0; i < n; i++) {
    static struct kvc_model found, again;
    struct kvc_match m;
    if (i > 0) assert_true(strcmp(names[i - 1], names[i]) < 0);
    assert_int_equal(kvc_db_model(o->db, names[i], &found, &m, &o->err), KVC_E_OK);
    assert_string_equal(found.name, names[i]);
    assert_true(!m.stripped && m.quant_suffix == NULL && m.note == NULL);
    for (size_t k = 0; k < found.n_aliases; k++) {
      if (kvc_db_model(o->db, found.aliases[k], &again, &m, &o->err) != KVC_E_OK)
        fail_msg("%s: %s", found.aliases[k], o->err.msg);
      if (strcmp(again.name, names[i]) != 0)
        fail_msg("%s is %s, not %s", found.aliases[k], again.name, names[i]);
      assert_null(m.quant_suffix);
    }
  }
}

static void organisation_and_path_are_set_aside(void **state)
{
  struct open *o = *state;
  static const char *const asked[] = {"gemma-3-27b-it",
                                      "Gemma_3 27B-it",
                                      "/data/models/gemma-3-27b-it",
                                      "/data/models/gemma-3-27b-it/",
                                      "./gemma-3-27b-it",
                                      "somebody/gemma-3-27b-it"};
  struct kvc_match m;
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    assert_string_equal(model(o, asked[i], &m), "google/gemma-3-27b-it");
    assert_int_equal(m.stripped, i >= 2);
    assert_null(m.quant_suffix);
  }
}

static void a_format_in_the_name_is_set_aside_and_named(void **state)
{
  struct open *o = *state;
  static const struct {
    const char *asked, *want, *format; /* part of the reported suffix */
  } cases[] = {
      {"nobody/cogito-v1-preview-qwen-14b-AWQ", "deepcogito/cogito-v1-preview-qwen-14B",
       "awq"},
      {"nobody/cogito-v1-preview-qwen-14b-AWQ-INT4",
       "deepcogito/cogito-v1-preview-qwen-14B", "awq"},
      {"nobody/cogito-v1-preview-qwen-14b-AWQ-4bit",
       "deepcogito/cogito-v1-preview-qwen-14B", "awq"},
      {"nobody/cogito-v1-preview-qwen-14b-GPTQ", "deepcogito/cogito-v1-preview-qwen-14B",
       "gptq"},
      {"nobody/cogito-v1-preview-qwen-14b-GPTQ-Int8",
       "deepcogito/cogito-v1-preview-qwen-14B", "gptqint8"},
      {"nobody/cogito-v1-preview-qwen-14b-Int4-W4A16",
       "deepcogito/cogito-v1-preview-qwen-14B", "w4a16"},
      {"nobody/cogito-v1-preview-qwen-14b-FP8", "deepcogito/cogito-v1-preview-qwen-14B",
       "fp8"},
      {"nobody/cogito-v1-preview-qwen-14b-fp8-dynamic",
       "deepcogito/cogito-v1-preview-qwen-14B", "fp8dynamic"},
      {"nobody/cogito-v1-preview-qwen-14b-FP8-KV",
       "deepcogito/cogito-v1-preview-qwen-14B", "fp8"},
      {"nobody/cogito-v1-preview-qwen-14b-FP8-ct",
       "deepcogito/cogito-v1-preview-qwen-14B", "fp8"},
      {"nobody/cogito-v1-preview-qwen-14b-quantized.w8a16",
       "deepcogito/cogito-v1-preview-qwen-14B", "w8a16"},
      {"nobody/cogito-v1-preview-qwen-14b-NVFP4", "deepcogito/cogito-v1-preview-qwen-14B",
       "nvfp4"},
      {"nobody/cogito-v1-preview-qwen-14b-NVFP4-FP8",
       "deepcogito/cogito-v1-preview-qwen-14B", "nvfp4"},
      {"nobody/cogito-v1-preview-qwen-14b-NVFP4-MTP",
       "deepcogito/cogito-v1-preview-qwen-14B", "nvfp4"},
      {"nobody/cogito-v1-preview-qwen-14b-MXFP4", "deepcogito/cogito-v1-preview-qwen-14B",
       "mxfp4"},
      {"nobody/cogito-v1-preview-qwen-14b-bnb-4bit",
       "deepcogito/cogito-v1-preview-qwen-14B", "bnb"},
      {"nobody/cogito-v1-preview-qwen-14b-4bit", "deepcogito/cogito-v1-preview-qwen-14B",
       "4bit"},
      {"cogito-v1-preview-qwen-14b AutoRound INT4",
       "deepcogito/cogito-v1-preview-qwen-14B", "autoround"},
      {"cogito-v1-preview-qwen-14b-GGUF", "deepcogito/cogito-v1-preview-qwen-14B",
       "gguf"},
      {"cogito-v1-preview-qwen-14b (GGUF Q4_K_M)",
       "deepcogito/cogito-v1-preview-qwen-14B", "q4km"},
      {"Huihui-cogito-v1-preview-qwen-14b-abliterated-v2-AWQ",
       "deepcogito/cogito-v1-preview-qwen-14B", "awq"},
      {"nobody/Qwen3-VL-4B-AWQ", "Qwen/Qwen3-VL-4B-Instruct", "awq"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_match m;
    const char *name = model(o, cases[i].asked, &m);
    if (strcmp(name, cases[i].want) != 0 || m.quant_suffix == NULL ||
        strstr(m.quant_suffix, cases[i].format) == NULL)
      fail_msg("%s -> %s, %s", cases[i].asked, name, m.quant_suffix);
    assert_true(m.stripped);
    assert_non_null(m.note);
  }
}

static void a_profile_of_the_quantised_checkpoint_wins(void **state)
{
  struct open *o = *state;
  struct kvc_match m;
  assert_string_equal(model(o, "Qwen/QwQ-32B-AWQ", &m), "Qwen/QwQ-32B-AWQ");
  assert_null(m.quant_suffix);
  assert_string_equal(model(o, "/models/QwQ-32B-AWQ", &m), "Qwen/QwQ-32B-AWQ");
  assert_null(m.quant_suffix);
}

static void tunings_of_one_base_share_its_shape_and_are_said(void **state)
{
  struct open *o = *state;
  static const char *const asked[] = {"google/gemma-3-27b", "gemma-3-27b-it-abliterated",
                                      "Huihui-gemma-3-27b-it-abliterated",
                                      "huihui-ai/Huihui-gemma-3-27b-it-abliterated-v2"};
  struct kvc_match m;
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    const char *name = model(o, asked[i], &m);
    if (strcmp(name, "google/gemma-3-27b-it") != 0) fail_msg("%s -> %s", asked[i], name);
    if (m.name != NULL && m.stripped) assert_null(m.quant_suffix);
  }
}

static void a_model_is_never_guessed(void **state)
{
  struct open *o = *state;
  static const char *const bad[] = {"google/gemma-3-28b-it",
                                    "gemma-3",
                                    "llama",
                                    "AWQ",
                                    "-AWQ",
                                    "google/",
                                    "/",
                                    "",
                                    "FP8",
                                    "it",
                                    "instruct",
                                    "abliterated",
                                    "Huihui-",
                                    "meta",
                                    "(GGUF)",
                                    "gemma-3-27b-it-extra",
                                    "xgemma-3-27b-it",
                                    "////",
                                    "a/b/c",
                                    "%s%s%n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    static struct kvc_model out;
    struct kvc_match m = {.asked = "untouched"};
    const kvc_code rc = kvc_db_model(o->db, bad[i], &out, &m, &o->err);
    if (rc != KVC_E_UNKNOWN) fail_msg("\"%s\" -> %s", bad[i], kvc_err_name(rc));
    assert_non_null(strstr(o->err.msg, "--model-config config.json"));
    assert_string_equal(m.asked, "untouched");
  }
  struct kvc_match m;
  assert_non_null(strstr(model(o, "google/gemma-3-28b-it", &m), "gemma-3-27b-it"));
  char *big = malloc(100001);
  assert_non_null(big);
  memset(big, 'q', 100000);
  big[100000] = '\0';
  assert_int_equal(strncmp(model(o, big, &m), "\"qqq", 4), 0);
  free(big);
}

/* ---- engines, citations, texts --------------------------------------------------- */

static void citations_are_found_by_key(void **state)
{
  struct open *o = *state;
  const char *const *names;
  size_t n;
  assert_int_equal(kvc_db_list(o->db, KVC_KIND_CITATION, &names, &n, &o->err), KVC_E_OK);
  assert_true(n > 100);
  for (size_t i = 0; i < n; i++) {
    if (i > 0) assert_true(strcmp(names[i - 1], names[i]) < 0); /* one namespace */
    const struct kvc_cite *c = kvc_db_cite(o->db, names[i]);
    assert_non_null(c);
    assert_string_equal(c->key, names[i]);
    assert_true(strlen(c->title) > 0 && strlen(c->publisher) > 0);
  }
  assert_non_null(kvc_db_cite(o->db, "user"));
  assert_null(kvc_db_cite(o->db, "no-such-citation"));
  assert_null(kvc_db_cite(o->db, ""));
  assert_null(kvc_db_cite(o->db, NULL));
}

static void the_text_of_a_profile_is_the_file(void **state)
{
  struct open *o = *state;
  static const struct {
    enum kvc_kind kind;
    const char *name, *file;
  } cases[] = {
      {KVC_KIND_GPU, "T4", "profiles/gpus/t4.yaml"},
      {KVC_KIND_MODEL, "gemma-3-27b-it", "profiles/models/google--gemma-3-27b-it.yaml"},
      {KVC_KIND_ENGINE, "vllm", "profiles/engines/vllm/engine.yaml"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *text;
    char *disk;
    size_t len, disk_len;
    struct kvc_match m;
    assert_int_equal(
        kvc_db_text(o->db, cases[i].kind, cases[i].name, &text, &len, &m, &o->err),
        KVC_E_OK);
    assert_string_equal(m.file, cases[i].file);
    assert_int_equal(kvc_file_read_into(&o->arena, kit_source(m.file), 8 << 20, &disk,
                                        &disk_len, &o->err),
                     KVC_E_OK);
    assert_int_equal(len, disk_len);
    assert_memory_equal(text, disk, len);
  }
  const char *text = "untouched";
  size_t len = 0;
  struct kvc_match m;
  for (int kind = KVC_KIND_GPU; kind <= KVC_KIND_CITATION; kind++)
    assert_int_equal(
        kvc_db_text(o->db, (enum kvc_kind)kind, "zzz", &text, &len, &m, &o->err),
        KVC_E_UNKNOWN);
  assert_string_equal(text, "untouched");
}

static void the_engine_knows_its_documented_defaults(void **state)
{
  struct open *o = *state;
  struct kvc_engine *e = NULL, *again = NULL;
  assert_int_equal(kvc_db_engine(o->db, "vllm", &e, &o->err), KVC_E_OK);
  assert_int_equal(kvc_db_engine(o->db, "vllm", &again, &o->err), KVC_E_OK);
  assert_ptr_equal(e, again);
  assert_int_equal(kvc_db_engine(o->db, "vllmm", &e, &o->err), KVC_E_UNKNOWN);
  const double gib = 1073741824.0;
  static const struct {
    const char *version, *key, *gpu, *want;
    double gib;
  } cases[] = {
      {"0.19.1", "gpu_memory_utilization", "h100", "0.90", 79},
      {"0.20.0", "gpu_memory_utilization", "h100", "0.92", 79},
      {"0.9.0", "max_num_seqs", "NVIDIA H100 80GB HBM3", "1024", 79},
      {"0.9.0", "max_num_seqs", "NVIDIA A100-SXM4-80GB", "256", 79},
      {"0.8.5", "block_size", "h100", "16", 79},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_version v;
    struct kvc_default d = {.value = "none"};
    const struct kvc_default_query q = {.engine = KVC_ENGINE_V1,
                                        .gpu_memory_bytes = cases[i].gib * gib,
                                        .gpu_name = cases[i].gpu};
    assert_int_equal(kvc_version_parse(cases[i].version, "", &v, &o->err), KVC_E_OK);
    const struct kvc_flag *f = kvc_engine_flag(again, cases[i].key);
    assert_non_null(f);
    assert_true(kvc_engine_default(again, f, &v, &q, &d));
    if (strcmp(d.value, cases[i].want) != 0)
      fail_msg("%s in %s: %s, not %s", cases[i].key, cases[i].version, d.value,
               cases[i].want);
    assert_non_null(kvc_db_cite(o->db, d.cite));
  }
}

/* Every default of a number lies in the flag's range, of an enum among its choices. */
static void every_default_is_a_value_the_flag_accepts(void **state)
{
  struct open *o = *state;
  struct kvc_engine *e;
  assert_int_equal(kvc_db_engine(o->db, "vllm", &e, &o->err), KVC_E_OK);
  for (size_t i = 0; i < kvc_engine_flag_count(e); i++) {
    const struct kvc_flag *f = kvc_engine_flag_at(e, i);
    assert_ptr_equal(kvc_engine_flag(e, f->key), f);
    for (size_t r = 0; r < kvc_engine_release_count(e); r++) {
      const struct kvc_version *v = &kvc_engine_release(e, r)->version;
      const struct kvc_default_query q = {
          .engine = KVC_ENGINE_V1, .gpu_memory_bytes = 8e10, .gpu_name = "nvidia h100"};
      const char *name = kvc_engine_flag_name(e, f, v), *const * choices;
      struct kvc_default d;
      double value;
      if (name != NULL) assert_ptr_equal(kvc_engine_flag_spelled(e, name), f);
      if (!kvc_engine_default(e, f, v, &q, &d)) continue;
      if (f->has_range && kvc_num_parse(d.value, "", &value, &o->err) == KVC_E_OK &&
          !(value >= f->min && value <= f->max))
        fail_msg("%s: default %s", f->key, d.value);
      const size_t n = kvc_engine_flag_choices(e, f, v, &choices);
      bool found = n == 0 || strcmp(d.value, "none") == 0;
      for (size_t k = 0; k < n; k++) found = found || strcmp(choices[k], d.value) == 0;
      if (!found) fail_msg("%s: default %s is no choice", f->key, d.value);
    }
  }
}

static void want_of_memory_is_a_limit(void **state)
{
  (void)state;
  kvc_code rc = KVC_E_LIMIT;
  for (size_t cap = 0; rc != KVC_E_OK; cap += cap < 4096 ? 16 : 1021) {
    struct kvc_arena arena;
    struct kvc_db *db;
    struct kvc_err err;
    struct kvc_match m;
    struct kvc_engine *e;
    static struct kvc_gpu g;
    static struct kvc_model model_out;
    kvc_arena_init(&arena, cap);
    rc = kvc_db_open(&arena, NULL, 0, &db, &err);
    if (rc == KVC_E_OK) rc = kvc_db_gpu(db, "H100", &g, &m, &err);
    if (rc == KVC_E_OK) rc = kvc_db_model(db, "gemma-3-27b-it-AWQ", &model_out, &m, &err);
    if (rc == KVC_E_OK) rc = kvc_db_engine(db, "vllm", &e, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    assert_true(cap < 8 << 20);
    kvc_arena_clear(&arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_embedded_facts_are_without_fault),
      cmocka_unit_test(opening_costs_little_memory),
      cmocka_unit_test(every_spelling_finds_its_card),
      cmocka_unit_test(case_separators_and_makers_do_not_matter),
      cmocka_unit_test(a_family_name_is_its_most_deployed_card_and_says_so),
      cmocka_unit_test(counts_are_sent_to_the_parallelism_flags),
      cmocka_unit_test(what_fits_several_cards_is_refused_with_their_names),
      cmocka_unit_test(an_unknown_card_gets_suggestions_and_leaves_outputs_alone),
      cmocka_unit_test(every_model_is_found_by_name_and_alias),
      cmocka_unit_test(organisation_and_path_are_set_aside),
      cmocka_unit_test(a_format_in_the_name_is_set_aside_and_named),
      cmocka_unit_test(a_profile_of_the_quantised_checkpoint_wins),
      cmocka_unit_test(tunings_of_one_base_share_its_shape_and_are_said),
      cmocka_unit_test(a_model_is_never_guessed),
      cmocka_unit_test(citations_are_found_by_key),
      cmocka_unit_test(the_text_of_a_profile_is_the_file),
      cmocka_unit_test(the_engine_knows_its_documented_defaults),
      cmocka_unit_test(every_default_is_a_value_the_flag_accepts),
      cmocka_unit_test(want_of_memory_is_a_limit),
  };
  return cmocka_run_group_tests(tests, db_open, db_close);
}
