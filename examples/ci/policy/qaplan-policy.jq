# What a plan may do without asking. Copy it to the root of your repository, edit
# the limits, and run it on a plan's JSON:
#
#   qaplan plan --out plan.json
#   jq --raw-output --from-file qaplan-policy.jq plan.json
#
# Exit code 0 when the plan keeps to it; else 1, with a line for each rule that it
# breaks. To allow an exception, change the limit in a pull request of its own.
{
  max_cost_usd: 25,        # what the plan's purchases are estimated to cost
  max_creates: 50,         # jobs bought by one plan
  max_rows: 100000,        # requests in them
  models: ["gemini-2.5-flash", "gemini-2.5-flash-lite"],
  reruns: false,           # batches that somebody asked to be bought again
  second_purchases: false, # batches whose job failed or whose source changed
  unknown_cost: false      # purchases whose cost cannot be told
} as $limits

| def creates: .changes | map(select(.actions | index("create")));
  def names: map(.address) | if length > 5 then .[:5] + ["and \(length - 5) more"] else . end | join(", ");

  if (.format_version | tostring | startswith("1.")) | not then
    "qaplan-policy: this is no plan that these rules were written for\n" | halt_error(1)
  else . end
| [
    (.estimate.cost_usd | select(. > $limits.max_cost_usd)
      | "costs about $\(.), more than $\($limits.max_cost_usd)"),
    (.summary.create | select(. > $limits.max_creates)
      | "buys \(.) jobs, more than \($limits.max_creates)"),
    (.estimate.requests | select(. > $limits.max_rows)
      | "buys \(.) rows, more than \($limits.max_rows)"),
    (creates | group_by(.detail.model)[]
      | .[0].detail.model as $model | select($limits.models | index([$model]) | not)
      | "buys from the model \($model), which is not approved: \(names)"),
    (creates | map(select(.reason == "rerun")) | select($limits.reruns | not) | select(length > 0)
      | "buys again as asked with --rerun: \(names)"),
    (creates | map(select(.detail.again and .reason != "rerun" and (.detail.subset | not)))
      | select($limits.second_purchases | not) | select(length > 0)
      | "buys a second time: \(names)"),
    (creates | map(select(.detail.cost_usd == null)) | select($limits.unknown_cost | not) | select(length > 0)
      | "has purchases whose cost is not known: \(names)")
  ]
| if length == 0 then "qaplan-policy: the plan keeps to the limits"
  else (map("qaplan-policy: the plan " + . + "\n") | join("")) | halt_error(1) end
