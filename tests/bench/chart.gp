# SPDX-License-Identifier: Apache-2.0
#
# gnuplot -e "data='FILE'; out='FILE.svg'" chart.gp
set terminal svg size 900,420 font "sans-serif,12" background "white"
set output out
set datafile missing "?"
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set key outside right top samplen 1
set ylabel "wall time, ours = 1 (lower is faster)"
set yrange [0:6]  # what is higher is cut off
set grid y lc rgb "#dddddd"
set xtics nomirror
array colour[9] = ["#1b7837", "#2166ac", "#92c5de", "#b2182b", "#f4a582", "#762a83", "#c2a5cf", "#bf812d", "#666666"]
plot for [i=2:10] data using i:xtic(1) title columnheader(i) noenhanced lc rgb colour[i-1]
