# figures/panels.gp -- a figure of one panel or several: curves, dots or boxes, with their 95 % intervals. What it draws stands
# in NAME.gp and NAME.dat, which cai figures wrote; figures/style.gp has the look. SPDX-License-Identifier: MIT
load style."/style.gp"

rows = panels > 3 ? 2 : 1
columns = (panels + rows - 1) / rows
per_line = series < 4 ? series : 4                # of the legend
look(s) = s == front ? 7 : s                      # a series' line type; the Pareto front is grey steps without marks
lines = (series + per_line - 1) / per_line
top = 0.865 - (strstrt(claim, "\n") ? 0.05 : 0) - (strstrt(verdict, "\n") ? 0.035 : 0)
set multiplot layout rows,columns margins 0.105,0.97,0.225+0.045*lines,top spacing 0.095,0.16

set label 901 claim at screen 0.5,0.96 center font big
set label 902 verdict at screen 0.5,top+0.035+(strstrt(verdict, "\n") ? 0.035 : 0) center font small
set label 903 paper at screen 0.03,0.065 font small
do for [s=1:series] {                               # a sample of each curve beside its name
    x = 0.03 + 0.94 * ((s - 1) % per_line) / per_line
    y = 0.085 + 0.045 * (lines - (s - 1) / per_line)
    set arrow s from screen x,y to screen x+0.045,y nohead lt look(s)
    set label s label[s] at screen x+0.055,y font small
    if (s != front) { set label 100+s " " at screen x+0.0225,y point lt s }
}
do for [p=1:panels] {
    set xlabel xtext[p] offset 0,0.4
    set ylabel ytext[p] offset 1
    set xrange [xlo[p]:xhi[p]]
    set yrange [ylo[p]:yhi[p]]
    set ytics ystep[p]
    if (logx[p]) { set logscale x; unset mxtics; eval "set xtics (".tics[p].")" } else { unset logscale x; set xtics xstep[p] }
    if (categories[p]) { set format x "" } else { if (xhi[p] > 2000) { set format x "%.0s%c" } else { set format x "%g" } }
    if (diagonal[p]) { set arrow 900 from 0,0 to 1,1 nohead dt 3 lc rgb "#777777" lw 2 } else { unset arrow 900 }
    # bars, then what they are of
    plot for [i=first[p]:last[p]] folder."/".name.".dat" index i-1 using 1:(boxes[p] ? $2 : NaN) with boxes lt colour[i], \
         for [i=first[p]:last[p]] folder."/".name.".dat" index i-1 every (boxes[p] ? 1 : every[i]) using 1:($3 < $4 ? $3 : NaN):(0):($4 - $3) with vectors heads size screen 0.004,90 lt colour[i] dt 1 lw 2, \
         for [i=first[p]:last[p]] folder."/".name.".dat" index i-1 using 1:(dots[p] || boxes[p] || colour[i] == front ? NaN : $2) with lines lt colour[i], \
         for [i=first[p]:last[p]] folder."/".name.".dat" index i-1 using 1:(colour[i] == front ? $2 : NaN) with fsteps lt look(colour[i]), \
         for [i=first[p]:last[p]] folder."/".name.".dat" index i-1 every every[i] using 1:(boxes[p] || colour[i] == front ? NaN : $2) with points lt colour[i]
    if (p == 1) { unset label; do for [s=1:series] { unset arrow s } }
}
unset multiplot
unset output
reset
