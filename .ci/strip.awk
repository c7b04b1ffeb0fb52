# strip.awk - C without comments and without the insides of strings and character
# constants, line for line, so that what is left is code.
# SPDX-License-Identifier: GPL-3.0-or-later
FNR == 1 { comment = 0 }
{
  out = ""
  quote = ""
  n = length($0)
  for (i = 1; i <= n; i++) {
    c = substr($0, i, 1)
    two = substr($0, i, 2)
    if (comment) {
      if (two == "*/") { comment = 0; i++ }
    } else if (quote != "") {
      if (c == "\\") i++
      else if (c == quote) { quote = ""; out = out c }
    } else if (two == "/*") { comment = 1; i++; out = out " " }
    else if (two == "//") break
    else {
      if (c == "\"" || c == "'") quote = c
      out = out c
    }
  }
  print FILENAME ":" FNR ":" out
}
