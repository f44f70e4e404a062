# Many selftests (an array of selftest.json) as tables of how often each came out right.
def share($n; $of): "\($n) of \($of)";
def row: "| " + join(" | ") + " |";
def within_5_percent: .found_us != null and .truth_us > 0
  and ((.found_us.point - .truth_us) | fabs) <= 0.05 * .truth_us;
def holds_truth: .found_us != null and .found_us.low <= .truth_us and .truth_us <= .found_us.high;
def above_0: .found_us != null and .found_us.low > 0;

. as $all | length as $runs
| ([.[].same_twice | select(.batches_different > 0)] | length) as $different
| ([.[].same_twice.quantiles] | add) as $quantiles
| ([.[].same_twice.quantiles_different] | add) as $quantiles_different
| "\($runs) runs, loadgen \(.[0].provenance.git), \(.[0].started_at) to \(.[-1].started_at)",
  "",
  "The same variant as two: called different in \(share($different; $runs)) runs, at \(share($quantiles_different; $quantiles)) quantiles.",
  "",
  (["planted", "share", "quantile", "truth, median", "found, median", "within 5 % of the truth", "interval holds the truth", "interval above 0", "no interval"] | row),
  ([range(9)] | map(if . < 3 then "---" else "---:" end) | row),
  ( [.[].planted[]]
    | group_by([.share_percent != 100, .delay_us, .quantile])[]
    | . as $rows
    | [$rows[] | select(.found_us != null)] as $told
    | [ "\($rows[0].delay_us | round) µs", "\($rows[0].share_percent | round) %", $rows[0].quantile,
        (if $told == [] then "–" else "\([$told[].truth_us] | sort | .[length / 2 | floor] | round) µs" end),
        (if $told == [] then "–" else "\([$told[].found_us.point] | sort | .[length / 2 | floor] | round) µs" end),
        share([$told[] | select(within_5_percent)] | length; $told | length),
        share([$told[] | select(holds_truth)] | length; $told | length),
        share([$told[] | select(above_0)] | length; $told | length),
        "\(($rows | length) - ($told | length))" ]
    | row )
