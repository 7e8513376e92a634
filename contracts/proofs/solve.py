"""A solver for halmos: `python3 solve.py QUERY.smt2` answers as an SMT solver does.

Products of two unknown stakes are beyond solvers that take numbers bit by bit, and within reach over
the integers. So cvc5 translates bit vectors into integers, and tries two ways at once:

- the query as it is;
- without the assumptions that divide. The compiler tests a product for overflow by a division, and
  these tests lead an integer solver astray. What follows from fewer assumptions follows from all
  of them, so of this one only "unsat" is believed.
"""

import multiprocessing
import re
import sys

import cvc5

# How halmos names a division.
DIVISION = "f_evm_bvudiv"
# Seconds after which an attempt ends by itself, should this program be stopped before it.
LIMIT = 300


def commands(text):
    """The top-level expressions of a query."""
    depth, start = 0, None
    for match in re.finditer(r";[^\n]*|\|[^|]*\||[()]", text):
        if match[0] == "(":
            if depth == 0:
                start = match.start()
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                yield text[start : match.end()]


def without_divisions(text):
    """The query without the assumptions that divide. The last one is the claim, denied: it stays."""
    parts = list(commands(text))
    last = max(i for i, part in enumerate(parts) if part.startswith("(assert"))
    return "\n".join(
        part
        for i, part in enumerate(parts)
        if i == last or not (part.startswith("(assert") and DIVISION in part)
    )


def solve(text):
    """What cvc5 answers over the integers."""
    solver = cvc5.Solver()
    solver.setOption("solve-bv-as-int", "sum")
    solver.setOption("produce-models", "true")
    solver.setOption("tlimit", str(1000 * LIMIT))
    parser = cvc5.InputParser(solver)
    # The logic that halmos names has no integers.
    text = re.sub(r"\(set-logic [^)]*\)", "(set-logic ALL)", text, count=1)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "query")
    answers = []
    while not (command := parser.nextCommand()).isNull():
        if command.getCommandName() == "get-model" and answers != ["sat"]:
            break
        if answer := command.invoke(solver, parser.getSymbolManager()).strip():
            answers.append(answer)
    return "\n".join(answers)


def attempt(answers, text, believed):
    answer = solve(text)
    answers.put(answer if answer.split("\n")[0] in believed else "unknown")


def main(path):
    with open(path) as file:
        text = file.read()
    answers = multiprocessing.Queue()
    attempts = [(text, {"sat", "unsat"}), (without_divisions(text), {"unsat"})]
    workers = [
        multiprocessing.Process(target=attempt, args=(answers, *one), daemon=True)
        for one in attempts
    ]
    for worker in workers:
        worker.start()
    answer = "unknown"
    for _ in workers:
        answer = answers.get()
        if answer != "unknown":
            break
    for worker in workers:
        worker.kill()
    print(answer)


if __name__ == "__main__":
    main(sys.argv[1])
