# A job that somebody began by hand and could not finish, rehearsed: of 154
# batches 21 were bought and 9 more uploaded before the quota ran out, and
# report.md is all that is left of that work. README.md tells what to type.
#
# For the real service, put  provider "gemini" { rate { … } }  in place of the
# provider below and set GEMINI_API_KEY.

provider "emulator" {
  history       = "history.json"      # what was done by hand
  queue_time    = "300ms"             # how long a job is pending
  run_time      = ["500ms", "1500ms"] # how long it runs
  poll_interval = "500ms"

  rate {
    max_active_jobs = 100 # 133 jobs are to be bought: the last ones wait for the first
    parallelism     = 8
  }
}

batch "refinement" {
  range        = [51, 204]
  model        = "gemini-2.5-flash"
  source       = "submissions/batch_*_proper.jsonl"
  output_dir   = "results"
  display_name = format("refinement_batch_%03d", each.number)
}
