# SPDX-License-Identifier: Apache-2.0
#
# Medians of what scripts/bench measured, as Markdown; "ratio" is the wall time against the best
# client of the same scenario that is not ours.
function median(list, n,    i, j, t, v) {
  split(list, v, " ")
  n = length(v)
  for (i = 2; i <= n; ++i)
    for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; --j) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
  low = v[1]; high = v[n]
  return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
BEGIN { FS = "\t" }
{
  group = $1 FS $2; key = group FS $3
  if (!(group in seen_group)) { seen_group[group]; groups[++group_count] = group }
  if (!(key in wall)) { order[group] = order[group] SUBSEP $3 }
  wall[key] = wall[key] " " $4
  cpu[key] = cpu[key] " " ($9 > 0 ? $5 / $9 * 1e9 : 0)
  rss[key] = rss[key] " " $6 / 1024
  wire[key] = wire[key] " " ($9 > 0 ? $7 / $9 : 0)
  requests[key] = requests[key] " " $8
}
END {
  for (g = 1; g <= group_count; ++g) {
    group = groups[g]; split(group, name, FS); n = split(substr(order[group], 2), clients, SUBSEP)
    best = 0
    for (i = 1; i <= n; ++i) {
      m = median(wall[group FS clients[i]])
      if (clients[i] !~ /^ours/ && clients[i] !~ /sha256|sync|^parts/ && (best == 0 || m < best)) best = m
    }
    printf "\n**%s, %s**\n\n", name[1], name[2]
    print "| client | wall s | spread | to the best peer | core-s/GB | MiB | bytes on the wire / size | requests |"
    print "|---|--:|--:|--:|--:|--:|--:|--:|"
    for (i = 1; i <= n; ++i) {
      key = group FS clients[i]
      m = median(wall[key]); spread = sprintf("%.1f-%.1f", low, high)
      printf "| %s | %.2f | %s | %s | %.2f | %.0f | %.3f | %d |\n", clients[i], m, spread,
        (best > 0 ? sprintf("%.2f", m / best) : "-"), median(cpu[key]), median(rss[key]),
        median(wire[key]), median(requests[key])
    }
  }
}
