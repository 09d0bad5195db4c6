# exercises/cut.awk -- the text work of exercises/grade in one process: reads the table once, cuts functions out of the
# sources, puts answers and known mistakes in their place, compares results. awk -f exercises/cut.awk MODE ...; the modes
# stand at the end. SPDX-License-Identifier: MIT
function stop(s) { print "grade: " s >"/dev/stderr"; failed = 1; exit 2 }

# ---- the table: key, tab, text; several lines of one key are a text of several lines
function read_table(file,   line, at, key, rest, e, m, where) {
    while ((getline line <file) > 0) {
        at = index(line, "\t")
        if (!at || line ~ /^#/) continue
        key = substr(line, 1, at - 1); rest = substr(line, at + 1)
        if (key == "exercise") { e = rest; name[++n_name] = e; m = ""; continue }
        if (key == "mistake") { m = rest; mistake[e, ++count[e]] = m; id[e, m] = ++n_mistake; continue }
        where = e SUBSEP m SUBSEP key
        if (where in value) rest = value[where] "\n" rest
        value[where] = rest
    }
}
function get(e, key) { return value[e SUBSEP "" SUBSEP key] }
function of_mistake(e, m, key) { return value[e SUBSEP m SUBSEP key] }

# ---- functions of a source file
function read_source(file, as,   line) {
    if (n_line[as]) return
    while ((getline line <file) > 0) source[as, ++n_line[as]] = line
    close(file)
    if (!n_line[as]) stop("cannot read " file)
}
# sets begin (where its comment begins), first and last line of a function
function place(as, f,   i, j) {
    for (i = 1; i <= n_line[as]; i++) {
        if (!index(source[as, i], f "(") || source[as, i] !~ ("^[A-Za-z].*[ *]" f "\\(")) continue
        for (j = i; j <= n_line[as] && source[as, j] !~ /[{;]/; j++);
        if (source[as, j] !~ /\{/) continue                                     # a declaration
        first = begin = i
        if (source[as, j] !~ /\}$/) while (source[as, j] !~ /^\}/) j++
        if (source[as, i - 1] ~ /\*\/$/) for (begin--; source[as, begin] !~ /^\/\*/; begin--);
        last = j
        return
    }
    stop(as " has no function " f)
}
function lines(as, a, b,   i, s) { for (i = a; i <= b; i++) s = s source[as, i] "\n"; return s }
# comments and functions, none of them static, so that cases.c can call them
function solution(e,   file, f, n, i, k, s, body) {
    file = get(e, "file"); n = split(get(e, "function"), f, " ")
    read_source(file, file)
    for (i = 1; i <= n; i++) {
        place(file, f[i])
        body = lines(file, first, last); sub(/^static /, "", body)
        for (k = begin; k < first; k++) { s = s source[file, k] "\n"; if (source[file, k] ~ /\*\/$/) break }
        s = s body "\n"
    }
    return s
}
function mistaken(e, m,   s, old, at, rest) {
    s = solution(e); old = of_mistake(e, m, "old"); at = index(s, old); rest = substr(s, at + length(old))
    if (old == "" || !at || index(rest, old)) stop(e ": " m ": the old text does not occur exactly once")
    return substr(s, 1, at - 1) of_mistake(e, m, "new") rest
}
# the file with the functions of all its exercises made visible
function open_source(file,   i, e, f, n, k) {
    read_source(file, file)
    for (i = 1; i <= n_name; i++) {
        e = name[i]
        if (get(e, "file") != file) continue
        n = split(get(e, "function"), f, " ")
        for (k = 1; k <= n; k++) visible[f[k]] = 1
    }
    for (i = 1; i <= n_line[file]; i++)
        if (source[file, i] ~ /^static /)
            for (k in visible) if (source[file, i] ~ ("[ *]" k "\\(")) sub(/^static /, "", source[file, i])
}
# the same with every known mistake of its functions beside the right body: known_mistake says which one runs
function with_mistakes(file,   i, e, f, n, k, j, m, as, s, b, right, head, p, parts) {
    for (i = 1; i <= n_name; i++) {
        e = name[i]
        if (get(e, "file") != file) continue
        n = split(get(e, "function"), f, " ")
        for (k = 1; k <= n; k++) {
            place(file, f[k]); s = lines(file, first, last); at_first = first; at_last = last
            head = substr(s, 1, index(s, "{") - 1); right = substr(s, index(s, "{")); s = ""
            for (j = 1; j <= count[e]; j++) {
                m = mistake[e, j]; as = e SUBSEP m
                if (!n_line[as]) {
                    n_line[as] = split(mistaken(e, m), parts, "\n")
                    for (p = 1; p <= n_line[as]; p++) source[as, p] = parts[p]
                }
                place(as, f[k]); b = lines(as, first, last)
                if (squeezed(substr(b, 1, index(b, "{") - 1)) != squeezed(head)) stop(e ": " m ": changes the head of " f[k])
                b = substr(b, index(b, "{"))
                if (b != right) s = s "if (known_mistake == " id[e, m] ")\n" b "else "
            }
            for (p = at_first; p <= at_last; p++) source[file, p] = ""
            source[file, at_first] = head "{\n" s right "}"
        }
    }
}
function squeezed(s) { gsub(/[ \n]+/, " ", s); sub(/ $/, "", s); return s }
# the exercise's source (opened, in base) with the answer in the place of its functions
function spliced(e, answer, base,   file, f, n, i, k, line, gone, start) {
    file = get(e, "file"); read_source(base "/" file, file); n = split(get(e, "function"), f, " ")
    for (k = 1; k <= n; k++) {
        place(file, f[k])
        if (k == 1) start = first
        for (i = first; i <= last; i++) gone[i] = 1
    }
    for (i = 1; i <= n_line[file]; i++) {
        if (i == start) {
            print "void todo(void);\n#line 1 \"" answer "\""
            while ((getline line <answer) > 0) print line
            print "#line " i " \"" file "\""
        }
        print (i in gone) ? "" : source[file, i]
    }
}

# ---- what a student gets
function folded(s,   n, part, i, line, at, r) {
    n = split(s, part, "\n")
    for (i = 1; i <= n; i++) {
        line = part[i]
        while (length(line) > 92) {
            for (at = 92; at > 1 && substr(line, at, 1) != " "; at--);
            if (at == 1) at = 92
            r = r " *     " substr(line, 1, at) "\n"
            line = substr(line, at + 1)
        }
        r = r " *     " line "\n"
    }
    gsub(/ +\n/, "\n", r)
    return r
}
function blank(e,   s, n, part, i, inside, body, kind, at, line) {
    s = "/* " e ": " get(e, "title") "\n * Level " get(e, "level") " of 3, " get(e, "minutes") " minutes. Function of " \
        get(e, "file") ": " get(e, "function") "\n"
    if (get(e, "symptom") != "")
        s = s " * What was seen:\n" folded(get(e, "symptom")) " *     Curves of a run without the bug and of one with it: exercises/plots/" e ".txt\n"
    if (get(e, "predict") != "") s = s " * Predict first:\n" folded(get(e, "predict"))
    if (get(e, "break") != "") s = s " * Then break it:\n" folded(get(e, "break"))
    s = s " * Grade it: make grade ONLY=" e "\n */\n"
    if (get(e, "bug") != "") return s mistaken(e, get(e, "bug"))
    n = split(solution(e), part, "\n") - 1
    for (i = 1; i <= n; i++) {
        line = part[i]
        if (line ~ /^[A-Za-z]/ && !inside) { kind = line; sub(/ .*/, "", kind); inside = 1; body = 0 }
        if (!inside) { s = s line "\n"; continue }
        if (!body) {
            at = index(line, "{")
            if (!at) { s = s line "\n"; continue }
            if (at > 1) s = s substr(line, 1, at - 2) "\n"
            body = 1
            s = s "{\n    todo(); /* your lines instead of this one */\n" (kind == "void" ? "" : "    return 0;\n") "}\n"
        }
        if (line ~ /\}$/ && (line ~ /^\}/ || line ~ /^[A-Za-z]/)) inside = 0
    }
    return s
}

# ---- comparing
function number(s) { return s ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ }
function load(file,   line) {
    if (file in size) return
    size[file] = 0
    while ((getline line <file) > 0) result[file, ++size[file]] = line
    close(file)
}
function near(a, b,   d, big) {
    if (a == b) return 1
    d = a - b; d = d < 0 ? -d : d; big = a < 0 ? -a : a
    return number(a) && number(b) && d <= 1e-9 * big + 1e-13
}
# short: seven digits, if they tell a from b
function short(a, b,   s) { s = sprintf("%.7g", a); return number(a) && (!number(b) || s != sprintf("%.7g", b)) ? s : a }
# two long texts, from a little before the first character at which they part
function parting(got, wanted,   at) {
    for (at = 1; substr(got, at, 1) == substr(wanted, at, 1); at++);
    at = at > 20 ? at - 20 : 1
    return "got .." substr(got, at, 50) ", wanted .." substr(wanted, at, 50) ", at character " at " of the quoted text"
}
# where FILE, line i, has its name: nothing, or " (2 of 5)", the second of five of that name
function which(file, i,   k, n, at, name, w) {
    split(result[file, i], w, " "); name = w[1]
    for (k = 1; k <= size[file]; k++) { split(result[file, k], w, " "); if (w[1] == name) { n++; if (k == i) at = n } }
    return n > 1 ? " (" at " of " n ")" : ""
}
# numbers to a relative 1e-9, everything else exactly; else says where they part, at line `parted`
function same(right, got,   i, k, n, a, b) {
    load(right); load(got)
    for (i = 1; i <= size[right]; i++) {
        parted = i
        if (i > size[got]) return "lines are missing"
        if (result[right, i] == result[got, i]) continue
        n = split(result[right, i], a, " "); k = split(result[got, i], b, " ")
        if (n != k) return "line " i ": " k " values, wanted " n
        for (k = 1; k <= n; k++) {
            if (near(a[k], b[k])) continue
            if (length(a[k]) > 60 && k > 1) return a[1] which(right, i) ": " parting(b[k], a[k])
            return a[1] which(right, i) ": got " (k > 1 ? short(b[k], a[k]) : result[got, i]) ", wanted " short(a[k], b[k])
        }
    }
    return size[got] > size[right] ? "lines too many" : ""
}
# the last value of a line
function last_of(file, i,   w, n) { n = split(result[file, i], w, " "); return n ? w[n] : "" }
# nothing, or why these results are red: the first known mistake that gives the same; or a number, and the first known
# mistake that is wrong there in the same way (an answer may have two mistakes)
function verdict(e, got, out,   why, j, m, known, at) {
    why = same(out "/" e, got)
    if (why == "") return ""
    at = parted
    for (j = 1; j <= count[e]; j++) {
        m = mistake[e, j]; known = out "/" e "." m
        load(known)
        if (!size[known] || same(known, got) != "") continue
        return get(e, "bug") == m ? "the mistake that was handed out is still there" : "[" m "] " of_mistake(e, m, "hint")
    }
    if (why !~ /: got /) return why
    for (j = 1; j <= count[e]; j++) {
        m = mistake[e, j]; known = out "/" e "." m
        if (get(e, "bug") == m || at > size[known] || near(last_of(out "/" e, at), last_of(known, at)) || \
            !near(last_of(known, at), last_of(got, at))) continue
        return why "; perhaps [" m "] " of_mistake(e, m, "hint")
    }
    return why
}
function flat(s) { gsub(/\n/, " ", s); sub(/ *$/, "", s); return s }

BEGIN {
    mode = ARGV[1]
    read_table("exercises/table.txt")
    if (mode == "list") for (i = 1; i <= n_name; i++) print name[i]
    if (mode == "mistakes") for (i = 1; i <= n_name; i++) for (j = 1; j <= count[name[i]]; j++) print name[i], mistake[name[i], j]
    if (mode == "table") {
        print "| exercise | level | minutes | what it is | predict first | then break it |\n| --- | --- | --- | --- | --- | --- |"
        for (i = 1; i <= n_name; i++) {
            e = name[i]
            print "| " e " | " get(e, "level") " | " get(e, "minutes") " | " get(e, "title") " | " flat(get(e, "predict")) " | " flat(get(e, "break")) " |"
        }
    }
    if (mode == "write" || mode == "solve") {                      # write|solve DIR
        for (i = 1; i <= n_name; i++) {
            to = ARGV[2] "/" name[i] ".c"
            if (mode == "write" && (getline line <to) >= 0) { print to " is there already"; close(to); continue }
            text = mode == "solve" ? solution(name[i]) : blank(name[i])
            printf "%s", text >to
            close(to)
            if (mode == "write") print to
        }
    }
    if (mode == "mistake") printf "%s", mistaken(ARGV[2], ARGV[3])
    if (mode == "sources") {                                       # sources FOLDER FOLDER: opened; with the known mistakes too
        for (i = 1; i <= n_name; i++) {
            file = get(name[i], "file")
            if (done[file]++) continue
            open_source(file)
            to = ARGV[2] "/" file
            printf "%s", lines(file, 1, n_line[file]) >to; close(to)
        }
        for (file in done) n_line[file] = 0                        # read again, unopened: mistaken() cuts from that
        for (file in done) {
            open_source(file); with_mistakes(file)
            to = ARGV[3] "/" file
            printf "extern int known_mistake;\n%s", lines(file, 1, n_line[file]) >to; close(to)
            print file
        }
    }
    if (mode == "runs")                                            # runs OUT: what cases runs in one go
        for (i = 1; i <= n_name; i++) {
            print name[i], ARGV[2] "/" name[i], 0
            for (j = 1; j <= count[name[i]]; j++) print name[i], ARGV[2] "/" name[i] "." mistake[name[i], j], id[name[i], mistake[name[i], j]]
        }
    if (mode == "spliced") spliced(ARGV[2], ARGV[3], ARGV[4])      # spliced NAME ANSWER BASE
    if (mode == "verdict") print verdict(ARGV[2], ARGV[3], ARGV[4]) # verdict NAME GOT OUT
    if (mode == "hints")                                           # hints OUT: what every known mistake is told
        for (i = 1; i <= n_name; i++) for (j = 1; j <= count[name[i]]; j++) {
            e = name[i]; m = mistake[e, j]; got = ARGV[2] "/" e "." m
            load(got)
            why = size[got] ? verdict(e, got, ARGV[2]) : "gives nothing"
            print (why == "" ? "ok - " : "not ok - ") e ": " m ": " why
        }
    exit failed ? 2 : 0
}
