# A rehearsal that needs no key and costs nothing: six small batches of
# questions on crypto indicators, answered by the emulator that is built in.
#
#   qaplan apply --auto-approve --wait
#
# Its state, its results and the emulator's data are under .qaplan/emulator.
# For the real service, put  provider "gemini" {}  in place of the block below
# and set GEMINI_API_KEY.

qaplan {
  required_version = ">= 0.1"
}

provider "emulator" {
  queue_time    = "300ms"             # how long a job is pending
  run_time      = ["500ms", "1500ms"] # how long it runs
  poll_interval = "1s"
}

variable "model" {
  description = "The model that answers."
  default     = "gemini-2.5-flash"
}

locals {
  prefix = "indicators"
}

batch "indicators" {
  range        = [1, 6]
  model        = var.model
  source       = "questions/batch_*.jsonl"
  output_dir   = "results"
  display_name = format("%s_%02d", local.prefix, each.number)
}
