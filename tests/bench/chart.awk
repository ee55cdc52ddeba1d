# SPDX-License-Identifier: Apache-2.0
#
# Median wall time to that of ours, a row for each scenario and a column for each client, for
# chart.gp; "?" where a client was not in a scenario.
function median(list, n, v, i, j, t) {
  n = split(list, v, " ")
  for (i = 2; i <= n; ++i)
    for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; --j) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
  return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
BEGIN {
  FS = "\t"
  columns = split("ours rclone rclone+sha256 aria2 aria2+sha256 curl curl+sha256 axel huggingface.js", client, " ")
}
{
  row = $1 " " $2
  if (!(row in seen)) { seen[row]; rows[++count] = row }
  wall[row, $3] = wall[row, $3] " " $4
}
END {
  printf "scenario"
  for (c = 1; c <= columns; ++c) printf " %s", client[c]
  print ""
  for (r = 1; r <= count; ++r) {
    peers = 0
    for (c = 2; c <= columns; ++c) peers += (rows[r], client[c]) in wall
    if (!peers || !((rows[r], "ours") in wall)) continue
    printf "\"%s\"", rows[r]
    for (c = 1; c <= columns; ++c)
      if ((rows[r], client[c]) in wall)
        printf " %.3f", median(wall[rows[r], client[c]]) / median(wall[rows[r], "ours"])
      else
        printf " ?"
    print ""
  }
}
