# studies/tax_report.awk -- the textbook's AlignmentTaxReport: lines "BENCHMARK BASE ALIGNED" in, its report out.
# tax = (base - aligned) / base x 100; positive is a regression. Its printed average of its own table, -5.8, is wrong: -6.0.
BEGIN { print "Alignment Tax Report: " title; print "-------------------------------------------------------" }
{ tax = ($2 - $3) / $2 * 100; sum += tax; n++
  printf " %-25s: %5.1f%% %s\n", $1, (tax < 0 ? -tax : tax), (tax > 0 ? "regression" : "improvement") }
END { printf " %-25s: %5.1f%%\n", "Average tax", sum / n }
