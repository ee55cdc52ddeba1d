# SPDX-License-Identifier: Apache-2.0
#
# Compares the medians of what scripts/bench measured with the limits that this program is held to:
# what the others need in the same run, what the parts need alone, and what the best fixed number
# of connections brings. One line for each, as Markdown. Then, how close the wall time comes to what
# the processors allow: the parts and the server, with every core busy from start to end.
function median(list,    n, v, i, j, t) {
  n = split(list, v, " ")
  for (i = 2; i <= n; ++i)
    for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; --j) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
  return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
# The client with the lowest median in `values` among those of `group` that match `pattern`; "" if
# there is none. Sets `lowest`.
function cheapest(values, group, pattern, without,    i, n, m, best, client) {
  best = ""
  n = split(clients[group], client, " ")
  for (i = 1; i <= n; ++i) {
    if (client[i] !~ pattern || (without != "" && client[i] ~ without)) continue
    m = median(values[group, client[i]])
    if (best == "" || m < lowest) { best = client[i]; lowest = m }
  }
  return best
}
function row(what, ours, unit, limit, by) {
  printf "| %s | %s | %.2f%s | %.2f%s | %s | %.2f | %s |\n", name, what, ours, unit, limit, unit, by,
    (limit > 0 ? ours / limit : 0), (ours <= limit ? "yes" : "**no**")
}
function wall_against_peers(group, factor, by,    best) {
  best = cheapest(wall, group, ".", "^ours|^parts|sha256|sync")
  if (best != "") row("wall", mine_wall, " s", factor * lowest, by best)
}
function wall_against_fixed(group, factor, by,    best) {
  best = cheapest(wall, group, "^ours-", "")
  if (best != "") row("wall", mine_wall, " s", factor * lowest, by best)
}
function processor(group,    best, parts) {
  best = cheapest(cpu, group, "sha256", "")
  if (best != "") row("core-s/GB", mine_cpu, "", lowest, best)
  if ((group, "parts") in cpu) {
    parts = median(cpu[group, "parts"])
    row("core-s/GB", mine_cpu, "", 1.15 * parts, "1.15 x the parts' " sprintf("%.2f", parts))
  }
}
function floor_row(group,    parts, server, least) {
  parts = median(cpu[group, "parts"]); server = median(served[group, "parts"])
  least = (parts + server) * size[group] / 1e9 / cores
  printf "| %s | %.2f s | %.2f s | %.2f | %.2f + %.2f |\n", group, median(wall[group, "ours"]), least,
    median(wall[group, "ours"]) / least, parts, server
}
BEGIN { FS = "\t" }
{
  group = $1 ", " $2
  if (!(group in clients)) { groups[++count] = group; scenario[group] = $1 }
  if (!((group, $3) in wall)) clients[group] = clients[group] " " $3
  wall[group, $3] = wall[group, $3] " " $4
  cpu[group, $3] = cpu[group, $3] " " ($9 > 0 ? $5 / $9 * 1e9 : 0)
  served[group, $3] = served[group, $3] " " ($9 > 0 ? $10 / $9 * 1e9 : 0)
  size[group] = $9
  requests[group, $3] = requests[group, $3] " " $8
  if ($3 ~ /^ours/ && $6 / 1024 > most_memory) most_memory = $6 / 1024
}
END {
  print "\n**Against the limits**\n"
  print "| scenario | what | ours | limit | which is | ratio | met |"
  print "|---|---|--:|--:|---|--:|---|"
  for (g = 1; g <= count; ++g) {
    name = groups[g]
    if (!((name, "ours") in wall)) continue
    mine_wall = median(wall[name, "ours"]); mine_cpu = median(cpu[name, "ours"])
    kind = scenario[name]
    if (kind ~ /^(a2|a16|one)$/) { wall_against_peers(name, 1, ""); processor(name) }
    if (kind == "capped") {
      wall_against_peers(name, 1 / 1.5, "1/1.5 of ")
      wall_against_fixed(name, 1 / 0.9, "1/0.9 of ")
    }
    if (kind == "small") {
      wall_against_peers(name, 0.5, "half of ")
      row("requests", median(requests[name, "ours"]), "", small_files + listing, "one a file, and the listing")
    }
    if (kind == "again") {
      row("wall", mine_wall, " s", 0.3, "fixed")
      row("requests", median(requests[name, "ours"]), "", 2, "fixed")
    }
    if (kind == "collapse") wall_against_fixed(name, 1.1, "1.1 x ")
  }
  name = "all"
  row("peak memory", most_memory, " MiB", 128, "fixed")
  for (g = 1; g <= count; ++g) {
    if (!((groups[g], "parts") in cpu) || !((groups[g], "ours") in wall)) continue
    if (!headed++) {
      print "\n**What " cores " cores allow whoever verifies**\n"
      print "| scenario | ours | least possible | ratio | core-s/GB, the parts + the server |"
      print "|---|--:|--:|--:|--:|"
    }
    floor_row(groups[g])
  }
}
