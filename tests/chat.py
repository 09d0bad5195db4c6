"""tests/chat.py RUN -- a chat at a pseudo terminal, as README.md and /help describe it: "ok" or
"not ok" a case.

The terminal is once a dumb one, whose own lines serve, and once one that libedit edits, if the
system has it. Standard library alone.
SPDX-License-Identifier: MIT
"""
import ctypes, os, pty, re, select, signal, subprocess, sys, time

RUN = sys.argv[1]
counts = [0, 0]
def check(name, fine, why=""):
    counts[not fine] += 1
    print(("ok - " if fine else "not ok - ") + name + (": " + repr(why)[:400] if not fine else ""))

class Chat:
    """A chat: say(line) types it and returns what is printed up to the next prompt or the end."""
    def __init__(self, *args, term="dumb"):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(TERM=term, LC_ALL="C.UTF-8")
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
            os.execv("./cai", ["./cai", "chat", "--out", RUN, *args])
        self.greeting = self.read()
    def read(self):
        said, end = b"", time.time() + 60
        while time.time() < end:
            if not select.select([self.fd], [], [], 0.2)[0]: continue
            try: more = os.read(self.fd, 65536)
            except OSError: break                                               # the chat has ended
            if not more: break
            said += more
            if re.search(rb"Human: (\x1b\[\d*[GK])*$", said): break
        return said.decode("utf-8", "replace").replace("\r", "")
    def say(self, line, end="\n"):
        # libedit has set the terminal
        time.sleep(0.03)
        os.write(self.fd, line if isinstance(line, bytes) else (line + end).encode())
        said = self.read()
        said = said.partition("\n")[2]                                           # without the echo
        return re.sub(r"\n?(^|\n)Human: (\x1b\[\d*[GK])*$", "", said)
    def status(self):
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]

ASKED, NEXT, SECOND = "How do I swipe the baker's kite?", "And the mayor's?", "Help me fix my bike."
# a terminal's own line has 4096 bytes
LONG = "kite drum bike " * 120

c = Chat("--temperature", "0")
check("names the model and its run",
      re.match(r"Talking to rl_cai, RL-CAI, of the run in %s\." % re.escape(RUN), c.greeting),
      c.greeting)
check("nothing asked yet: /all and /why say so",
      c.say("/all") == c.say("/why") == "(nothing has been asked yet)")
first = c.say(ASKED)
check("an answer follows its speaker", first.startswith("Assistant:") and first.count("\n") == 0,
      first)
second = c.say(SECOND)
piped = subprocess.run(["./cai", "chat", "--out", RUN, "--temperature", "0"],
                       input=ASKED + "\n" + SECOND + "\n", capture_output=True,
                       text=True, errors="replace").stdout
strip = lambda s: [re.sub(r"^Assistant: ?", "", x) for x in s]
check("the same words as through a pipe", strip([first, second]) == piped.split("\n")[:2],
      (first, second, piped))
models = c.say("/models").split("\n")
check("/models lists the four and marks the one that talks",
      [m[:11] for m in models] == ["  base     ", "  helpful  ", "  sl_cai   ", "* rl_cai   "],
      models)
every = c.say("/all")
check("/all: every model answers",
      [x[:12].strip() for x in every.split("\n") if x[:1] != " "] == ["pretrained",
              "helpful-only", "SL-CAI", "RL-CAI"], every)
check("/all: the last answer is among them",
      re.search("RL-CAI +" + re.escape(strip([second])[0][:60].split("  ")[0].strip()), every),
      (second, every))
why = c.say("/why")
law = open(RUN + "/constitution.txt").read()
names = re.findall(r"^principle +([\w-]+):", why, re.M)
check("/why: a critique principle first, then one that judges",
      len(names) == 2 and "[critique %s]" % names[0] in law and "[comparison %s]" % names[1] in law,
      why)
numbers = re.search(r"= (\S+) shown first, (\S+) shown second; label (\S+)$", why)
if "no other answer" not in why:
    p, q, label = map(float, numbers.groups())
    check("/why: both orders, clamped (E2, section 4.1)",
          abs(label - min(0.6, max(0.4, (p + q) / 2))) < 0.0011, why)
    check("/why: critique, both answers, thought",
          all(re.search("^" + re.escape(x) + " ", why, re.M)
              for x in ("critique", "(A)", "(B)", "thought")), why)
check("/why draws another principle for the next answer",
      len({tuple(re.findall(r"^principle +([\w-]+):", (c.say(ASKED), c.say("/why"))[1], re.M))
           for _ in range(4)}) > 1)
check("/new", c.say("/new") == "(a new conversation)"
      and c.say("/all") == "(nothing has been asked yet)")
check("/new forgets what was said", c.say(ASKED) == first, first)
for bad in "/foo", "/model", "/all now", "/Help":
    check("no command: " + bad, c.say(bad) == "(%s: no such command; /help lists them)" % bad)
check("no model", c.say("/model nonsense") == '(no model "nonsense" in this run; /models lists them)')
check("an empty line is nothing", c.say("") == "" and c.say("   ") == "")
helped = c.say("/help")
check("/help names every command",
      all(re.search("^%s " % x, helped, re.M)
          for x in ("/models", "/model NAME", "/all", "/why", "/new", "/quit")), helped)
unknown = c.say("explode the kite")
check("an unknown word: one line, then the answer",
      re.match(r'cai: "explode" is not a word of this town; the model has never read it\nAssistant:[^\n]*$', unknown), unknown)
check("a NUL is refused with its place, and the chat goes on",
      c.say(b"nul\0byte\n") == "(refused: byte 4 is a NUL, which no text holds; type it anew)"
      and c.say(SECOND).startswith("Assistant:"))
check("so is what is not UTF-8",
      c.say(b"To \xff\n") == "(refused: byte 4 is not UTF-8 text; type it anew)")
c.say("/new")
long = c.say(LONG)
check("a message longer than the context is refused",
      re.match(r"\(refused: the message has more tokens than the context has room for \(\d+\); write a shorter one\)$", long), long)
check("and is not kept", c.say(ASKED) == first)
os.write(c.fd, b"\x04")
ended = c.read()
check("Ctrl-D ends with a newline", ended.endswith("\n") and c.status() == 0, ended)

c = Chat("--temperature", "0", "--max-new", "24")
before = c.say(ASKED)
check("/model by its file or the paper's name",
      c.say("/model helpful") == "(talking to helpful, helpful-only)"
      and c.say("/model sl-cai") == "(talking to sl_cai, SL-CAI)")
talked = ASKED + "\n\nAssistant:" + before[len("Assistant:"):]
after = c.say(SECOND)
raw = subprocess.run(["./cai", "generate", "sl_cai", "--out", RUN, "--temperature",
                      "0", "--max-new", "24", "--prompt",
                      "\n\nHuman: %s\n\nHuman: %s\n\nAssistant:" % (talked, SECOND)],
                     capture_output=True).stdout.decode("utf-8", "replace")
check("and keeps the conversation", after[len("Assistant:"):][:8] in raw.split(SECOND)[1],
      (after, raw))
full = [c.say("kite drum bike " * 12) for _ in range(30)]
dropped = [re.match(r"\(the context of \d+ tokens is full: the oldest (turn has|turns have) left the conversation\)\nAssistant:", x) for x in full]
check("a full context: the oldest turns leave, and a line says so",
      not dropped[0] and dropped[-1], (full[0], full[-1]))
check("/why looks at what it has room for", "P(this answer" in c.say("/why")
      or "no other answer" in c.say("/why"))
os.write(c.fd, b"\x03")
c.read()
status = c.status()
check("Ctrl-C ends it", os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status)

try: ctypes.CDLL("libedit.so.2")
except OSError: print("skipped: no libedit (lines edited in a chat)")
else:
    c = Chat(term="xterm")
    check("libedit: a word is mended before it is sent", '"zebra"' in c.say("zebrx\x7fa"), "")
    check("libedit: a character of two bytes is one", '"ba"' in c.say("b\u00fc\x7fa"), "")
    check("libedit: the line before comes back", '"ba"' in c.say("\x1b[A"), "")
    c.say(b"\x04")
    check("libedit: Ctrl-D ends", c.status() == 0)

print("%d passed, %d failed" % tuple(counts))
sys.exit(counts[1] > 0)
