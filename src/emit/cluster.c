/* cluster.c - jobs that search a plan in parts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A part writes its file whole or not at all, so one that was ended is only run again.
 */
#include "emit_room.h"
#include <kvcap/emit.h>

/* "kvcap plan ... --jobs JOBS --shard K/N --output shard-K-of-N.json", K as a shell
 * variable. */
static void part(const struct kvc_emit_sweep *sweep, const char *jobs, const char *k,
                 struct kvc_buf *out)
{
  kvc_buf_puts(out, "kvcap plan");
  for (size_t i = 0; i < sweep->n_args; i++) {
    kvc_buf_puts(out, " ");
    emit_shell_word(out, sweep->args[i]);
  }
  kvc_buf_printf(out,
                 " --jobs %s --shard \"${%s}/%d\" --output \"shard-${%s}-of-%d.json\"\n",
                 jobs, k, sweep->parts, k, sweep->parts);
}

void kvc_emit_slurm(const struct kvc_emit_sweep *sweep, struct kvc_buf *out)
{
  const int n = sweep->parts;
  kvc_buf_printf(out,
                 "#!/bin/sh\n"
                 "# %d parts of a plan; submit from the folder of its input files:\n"
                 "#   id=$(sbatch --parsable plan.sbatch)\n"
                 "# then, once all have ended well:\n"
                 "#   sbatch --dependency=afterok:$id --output=plan.txt \\\n"
                 "#     --wrap 'kvcap merge shard-*-of-%d.json'\n"
                 "# A part that failed is run again with sbatch --array=K plan.sbatch.\n"
                 "#SBATCH --job-name=kvcap-plan\n"
                 "#SBATCH --array=1-%d\n"
                 "#SBATCH --cpus-per-task=4\n"
                 "#SBATCH --mem-per-cpu=1G\n"
                 "#SBATCH --output=kvcap-plan-%%a.log\n"
                 "set -eu\n",
                 n, n, n);
  part(sweep, "\"${SLURM_CPUS_PER_TASK:-4}\"", "SLURM_ARRAY_TASK_ID", out);
}

void kvc_emit_kubernetes(const struct kvc_emit_sweep *sweep, struct kvc_buf *out)
{
  const int n = sweep->parts;
  kvc_buf_printf(
      out,
      "# %d parts of a plan.  Set the image, and claimName to a volume that many pods "
      "may\n"
      "# write (ReadWriteMany) and that holds the plan's input files.  Once the Job is\n"
      "# complete, in that volume: kvcap merge shard-*-of-%d.json\n"
      "apiVersion: v1\n"
      "kind: ConfigMap\n"
      "metadata:\n"
      "  name: kvcap-plan\n"
      "data:\n"
      "  run.sh: |\n"
      "    set -eu\n"
      "    # The index counts from 0, parts from 1.\n"
      "    part=$((JOB_COMPLETION_INDEX + 1))\n"
      "    ",
      n, n);
  part(sweep, "4", "part", out);
  kvc_buf_printf(out,
                 "---\n"
                 "apiVersion: batch/v1\n"
                 "kind: Job\n"
                 "metadata:\n"
                 "  name: kvcap-plan\n"
                 "spec:\n"
                 "  completionMode: Indexed\n"
                 "  completions: %d\n"
                 "  parallelism: %d\n"
                 "  backoffLimit: %d\n"
                 "  template:\n"
                 "    spec:\n"
                 "      restartPolicy: Never\n"
                 "      containers:\n"
                 "        - name: plan\n"
                 "          image: registry.example/kvcap:latest # set yours\n"
                 "          command: [\"/bin/sh\", \"/script/run.sh\"]\n"
                 "          workingDir: /plan\n"
                 "          resources:\n"
                 "            requests: {cpu: \"4\", memory: 4Gi}\n"
                 "          volumeMounts:\n"
                 "            - {name: plan, mountPath: /plan}\n"
                 "            - {name: script, mountPath: /script}\n"
                 "      volumes:\n"
                 "        - name: plan\n"
                 "          persistentVolumeClaim: {claimName: kvcap-plan} # set yours\n"
                 "        - name: script\n"
                 "          configMap: {name: kvcap-plan}\n",
                 n, n < 32 ? n : 32, 2 * n);
}
