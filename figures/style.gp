# figures/style.gp -- the look of every figure: a slide of 16:9, letters of at least 18 pixels, colours that the colour-blind can
# tell apart (Okabe and Ito 2008), and for each its own mark and dashes. Change it and run cai figures again.
# kind: svg or png; name, folder: of the picture. SPDX-License-Identifier: MIT
# letters: pixels in an SVG, points in a PNG, of which 13.5 are 18 pixels
if (kind eq "svg") { set terminal svg size 1280,720 name "figure_".name font "DejaVu Sans,20" noenhanced; big = ",27"; small = ",18"; thick = 3.5; dot = 0.8 }
if (kind eq "png") { set terminal pngcairo size 1280,720 font "DejaVu Sans,15" noenhanced; big = ",20"; small = ",13.5"; thick = 2.5; dot = 1.2 }
set output folder."/".name.".".kind

array hue[7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777"]
array mark[7] = [7, 5, 9, 13, 11, 6, 4]
set linetype 1 dt solid
set linetype 2 dt (9,4)
set linetype 3 dt (2,3)
set linetype 4 dt (9,3,2,3)
set linetype 5 dt (5,3)
set linetype 6 dt (14,4)
set linetype 7 dt solid                          # the Pareto front
do for [k=1:7] { set linetype k lc rgb hue[k] pt mark[k] lw thick ps dot }
set linetype 7 lw 1.5
set linetype cycle 7

set border 3 lw 1.5
set tics nomirror
set grid ytics lc rgb "#bbbbbb" lw 1 dt 1
set style fill solid 0.7
set boxwidth 0.8 relative
unset key
