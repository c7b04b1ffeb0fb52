/* spec.c - what speculative decoding prints.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * V1's counts are of the interval, V0's go on from the start of the server.
 */
#include "serverlog_room.h"
#include <string.h>

enum { REACH = 512, V0_COUNTS = 3 };

static void add(double *sum, double value)
{
  *sum = isnan(*sum) ? value : *sum + value;
}

/* "label: 12 unit", NaN when it is not there or cut. */
static double value_of(const struct slog_seg *s, size_t from, const char *label,
                       const char *unit)
{
  const size_t to = s->len - from > REACH ? from + REACH : s->len;
  size_t i = slog_find(s->text, to, from, label);
  double value;
  if (i == SIZE_MAX) return (double)NAN;
  i += strlen(label);
  if (!slog_number(s, &i, &value) || !slog_skip(s, &i, unit)) return (double)NAN;
  if (unit[0] == '\0' && !slog_ends(s, i)) return (double)NAN;
  return value;
}

static void positions(struct kvc_log_spec *spec, const struct slog_seg *s, size_t from)
{
  static const char label[] = "Per-position acceptance rate: ";
  enum { MOST = sizeof spec->per_position / sizeof *spec->per_position };
  const size_t to = s->len - from > REACH ? from + REACH : s->len;
  size_t i = slog_find(s->text, to, from, label), n = 0;
  double value;
  if (i == SIZE_MAX) return;
  i += sizeof label - 1;
  (void)slog_skip(s, &i, "[");
  while (n < MOST && slog_number(s, &i, &value) && slog_ends(s, i)) {
    spec->per_position[n++] = value;
    if (!slog_skip(s, &i, ", ")) break;
  }
  if (n > 0) spec->n_positions = n;
}

/* How many drafts the line is about: what its mean length is the mean of. */
static double drafts(const struct kvc_log_spec *spec, double accepted, double drafted,
                     double length)
{
  if (length > 1 && accepted > 0) return accepted / (length - 1);
  if (drafted > 0 && spec->n_positions > 0) return drafted / (double)spec->n_positions;
  return 0;
}

void slog_spec_v1(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct kvc_log_spec *const spec = &r->view.spec;
  const struct slog_seg *const s = hit->seg;
  const double accepted = value_of(s, hit->end, "Accepted: ", " tokens");
  const double drafted = value_of(s, hit->end, "Drafted: ", " tokens");
  const double length = value_of(s, hit->end, "ean acceptance length: ", "");
  const double rate = value_of(s, hit->end, "raft acceptance rate: ", "%");
  spec->lines++;
  slog_met(r, s, hit->at);
  positions(spec, s, hit->end);
  if (!isnan(accepted)) add(&spec->accepted_tok, accepted);
  if (!isnan(drafted)) add(&spec->drafted_tok, drafted);
  if (!isnan(accepted) && !isnan(drafted)) {
    r->frac_sum += accepted;
    r->frac_weight += drafted;
  } else if (!isnan(rate)) {
    r->frac_sum += rate / 100;
    r->frac_weight += 1;
  }
  if (r->frac_weight > 0) spec->accept_frac = r->frac_sum / r->frac_weight;
  const double weight = drafts(spec, accepted, drafted, length);
  if (!isnan(length) && weight > 0) {
    r->length_sum += length * weight;
    r->length_weight += weight;
    spec->accept_length = r->length_sum / r->length_weight;
  }
}

void slog_spec_v0(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  static const char *const labels[V0_COUNTS] = {
      "Number of accepted tokens: ", "Number of draft tokens: ",
      "Number of emitted tokens: "};
  static const char *const old_labels[V0_COUNTS] = {
      "Number of accepted tokens: ", "Number of draft tokens tokens: ",
      "Number of emitted tokens tokens: "};
  struct kvc_log_spec *const spec = &r->view.spec;
  double *const sums[V0_COUNTS] = {&spec->accepted_tok, &spec->drafted_tok,
                                   &spec->emitted_tok};
  const double efficiency = value_of(hit->seg, hit->end, "System efficiency: ", "");
  const double rate = value_of(hit->seg, hit->end, "raft acceptance rate: ", "");
  spec->lines++;
  slog_met(r, hit->seg, hit->at);
  if (!isnan(efficiency)) spec->efficiency = efficiency;
  for (size_t k = 0; k < V0_COUNTS; k++) {
    double total = value_of(hit->seg, hit->end, labels[k], "");
    if (isnan(total)) total = value_of(hit->seg, hit->end, old_labels[k], "");
    if (isnan(total)) continue;
    if (total < r->v0_spec_last[k]) r->v0_spec[k] += r->v0_spec_last[k]; /* a restart */
    r->v0_spec_last[k] = total;
    *sums[k] = r->v0_spec[k] + total;
  }
  if (spec->drafted_tok > 0 && !isnan(spec->accepted_tok))
    spec->accept_frac = spec->accepted_tok / spec->drafted_tok;
  else if (!isnan(rate))
    spec->accept_frac = rate;
}
