/* point.h - a measured point of a small model on an H100, to be changed by a test.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_POINT_H
#define KVC_TESTS_POINT_H

#include <kvcap/predict.h>
#include <math.h>

static inline struct kvc_point measured_point(double input_tok, double output_tok,
                                              double concurrency, double prompts)
{
  return (struct kvc_point){.id = "x",
                            .gpu = "H100",
                            .model = "meta-llama/Llama-3.1-8B-Instruct",
                            .version = "0.19.0",
                            .quantization = "",
                            .kv_dtype = "",
                            .dataset = "random",
                            .flags = "",
                            .kind = "serving",
                            .quality = "A",
                            .split = "",
                            .series = "",
                            .tp = 1,
                            .pp = 1,
                            .dp = 1,
                            .ep = 1,
                            .input_tok = input_tok,
                            .output_tok = output_tok,
                            .rate_per_s = INFINITY,
                            .concurrency = concurrency,
                            .prompts = prompts};
}

#endif
