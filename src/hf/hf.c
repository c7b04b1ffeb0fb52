/* hf.c - config.json to struct kvc_model: finds the class and runs its builder.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <kvcap/str.h>
#include <string.h>

/* Where wrappers keep the language model's configuration. */
static const char nested_keys[] = "text_config|llm_config|language_config|thinker_config|"
                                  "talker_config|language_model_config";

static const char *first_class(const cJSON *config)
{
  const cJSON *list = hf_in(config, "architectures");
  if (cJSON_IsString(list)) return list->valuestring;
  const cJSON *first = cJSON_GetArrayItem(list, 0);
  return cJSON_IsString(first) ? first->valuestring : NULL;
}

static void unknown_class(struct hf *h, const char *cls)
{
  const char *near = hf_arch_nearest(cls);
  if (near != NULL)
    hf_fail(h, KVC_E_UNSUPPORTED,
            "the architecture \"%.80s\" is not modelled; the nearest known class is %s",
            cls, near);
  else
    hf_fail(h, KVC_E_UNSUPPORTED, "the architecture \"%.80s\" is not modelled", cls);
}

/* A config without a class: say what it is instead, where that can be told. */
static void no_class(struct hf *h)
{
  if (hf_in(h->root, "quant_method|quantization|bits|producer") != NULL)
    hf_fail(h, KVC_E_UNSUPPORTED,
            "this describes a quantisation, not a model: the model's config.json has "
            "\"architectures\"");
  else
    hf_fail(h, KVC_E_PARSE,
            "the config lacks \"architectures\" and has no \"model_type\" that is known");
}

/* Steps into the language model of a wrapper and finds the class that builds it. */
static const struct hf_arch *descend(struct hf *h)
{
  const struct hf_arch *arch = h->arch;
  for (int depth = 0; depth < 3; depth++) {
    const cJSON *inner = hf_object(h, nested_keys);
    if (inner == NULL) break;
    h->cfg = inner;
    h->nested = true;
    const char *type = hf_text_in(inner, "model_type");
    if (type != NULL) h->type = type;
    if ((arch->style & HF_WRAPPER) == 0) continue;
    const struct hf_arch *found = hf_arch_find(first_class(inner), type);
    if (found == NULL) found = hf_arch_find(NULL, type);
    if (found != NULL) h->arch = found;
  }
  return h->arch;
}

static void find_class(struct hf *h)
{
  const char *cls = first_class(h->root);
  const char *type = hf_text_in(h->root, "model_type");
  h->cls = cls != NULL ? cls : type;
  h->type = type;
  if (h->cls == NULL) {
    no_class(h);
    return;
  }
  h->arch = hf_arch_find(cls, type);
  if (h->arch == NULL) {
    unknown_class(h, h->cls);
    return;
  }
  if (h->type == NULL) h->type = h->arch->type;
  (void)descend(h);
  if (h->arch->style & HF_WRAPPER) {
    const char *inner = hf_text_in(h->cfg, "model_type");
    if (h->nested || inner == NULL)
      hf_fail(h, KVC_E_UNSUPPORTED, "the language model inside %.80s is not known",
              h->cls);
    else
      unknown_class(h, inner);
  }
}

static const char *keep(struct hf *h, const char *text)
{
  char *copy = kvc_arena_strdup(h->arena, text);
  if (copy == NULL && h->rc == KVC_E_OK)
    h->rc = kvc_arena_full(h->arena, h->where, h->err);
  return copy;
}

static const char *dtype_of(struct hf *h)
{
  static const char *const known[] = {"bfloat16", "float16", "float32"};
  const char *text = hf_text(h, "torch_dtype|dtype");
  if (text == NULL) text = hf_text_in(h->root, "torch_dtype");
  if (text == NULL) text = hf_text_in(h->root, "dtype");
  if (text == NULL) return "bfloat16";
  if (strncmp(text, "torch.", 6) == 0) text += 6;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(text, known[i]) == 0) return known[i];
  return "bfloat16"; /* "auto", float8 checkpoints */
}

/* A class that pools instead of sampling. */
static bool pools(const char *cls)
{
  static const char *const marks[] = {
      "ForSequenceClassification", "ForRewardModel",
      "ForTokenClassification",    "EmbeddingModel",
      "ForTextEmbedding",          "ForProcessRewardModel"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (strstr(cls, marks[i]) != NULL) return true;
  const size_t len = strlen(cls);
  return len > 5 && strcmp(cls + len - 5, "Model") == 0 &&
         strcmp(cls, "ChatGLMModel") != 0 && strstr(cls, "LMHead") == NULL &&
         strstr(cls, "Chat") == NULL;
}

static void model_read(struct hf *h)
{
  struct kvc_model *m = h->m;
  find_class(h);
  if (h->rc != KVC_E_OK) return;
  const char *name = hf_text_in(h->root, "_name_or_path");
  if (name == NULL || *name == '\0') name = h->where != NULL ? h->where : "config.json";
  m->name = keep(h, name);
  m->architecture = keep(h, h->cls);
  m->dtype = dtype_of(h);
  h->arch->build(h);
  if (h->rc != KVC_E_OK) return;
  /* Embedding models of decoder classes say so in their name only. */
  if (pools(h->cls) || kvc_str_ifind(name, "-embedding") != NULL) m->pooling = true;
  hf_rope(h);
  hf_towers(h);
  hf_quant(h);
}

kvc_code kvc_hf_model_parse(struct kvc_arena *arena, const char *text, size_t len,
                            const char *where, struct kvc_model *model,
                            struct kvc_err *err)
{
  cJSON *root = NULL;
  KVC_TRY(hf_json_parse(arena, text, len, where, &root, err));
  struct kvc_model built = {0};
  struct hf h = {.arena = arena,
                 .where = where,
                 .root = root,
                 .cfg = root,
                 .m = &built,
                 .err = err,
                 .rc = KVC_E_OK};
  model_read(&h);
  cJSON_Delete(root);
  if (h.rc == KVC_E_OK) *model = built;
  return h.rc;
}
