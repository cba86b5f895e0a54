"""Interventional queries in pgmpy and pyAgrum: a real network with a hidden cause, one whose boxes are all known, and the
front door of a thousand bootstrap tables. The time is that of one call, the median of many, models being built before."""

import json
import logging
import os
import statistics
import sys
import time
import warnings

# They warn about parts that are not used here.
warnings.filterwarnings("ignore")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from common import arguments  # noqa: E402

options = arguments(task="sachs", peer="pgmpy", data="", calls=50)
networks = f"{options.data}/bayesnets"


def median(call, calls):
    values = call()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), values


def pgmpy_query(name, target, variable, state, adjustment=None):
    from pgmpy.inference import CausalInference
    from pgmpy.readwrite import BIFReader

    logging.disable(logging.CRITICAL)
    model = BIFReader(f"{networks}/{name}.bif").get_model()
    model.latents = {"PKC"} if name == "sachs" else set()
    inference = CausalInference(model)

    def call():
        extra = {"adjustment_set": adjustment} if adjustment else {}
        found = inference.query([target], do={variable: state}, show_progress=False, **extra)
        order = found.state_names[target]
        return [float(found.values[order.index(s)]) for s in order]

    return median(call, options.calls)


def agrum_sachs():
    import pyagrum as gum
    import pyagrum.causal as causal

    whole = gum.loadBN(f"{networks}/sachs.bif")
    # The measured ancestors of the query, whose law is that of the whole network; PKC ties the first three together.
    engine = gum.LazyPropagation(whole)
    names = ["PKA", "Raf", "Mek", "Erk"]
    engine.addJointTarget(set(names))
    engine.makeInference()
    joint = engine.jointPosterior(set(names))
    model = gum.BayesNet()
    for name in names:
        model.add(whole.variable(name).clone())
    families = {"PKA": [], "Raf": ["PKA"], "Mek": ["PKA", "Raf"], "Erk": ["PKA", "Mek"]}
    for child, parents in families.items():
        for parent in parents:
            model.addArc(parent, child)
    for child, parents in families.items():
        family = joint.sumIn([child] + parents)
        model.cpt(child).fillWith(family / family.sumIn(parents) if parents else family)
    model_with_cause = causal.CausalModel(model, [("PKC", ["PKA", "Raf", "Mek"])], True)

    def call():
        _, law, _ = causal.causalImpact(model_with_cause, on="Erk", doing="Mek", values={"Mek": "HIGH"})
        return [float(law[{"Mek": 2, "Erk": i}]) if "Mek" in law.names else float(law[{"Erk": i}]) for i in range(3)]

    return median(call, options.calls)


def agrum_surgery(name, target, variable, state):
    """The wires into the variable are cut by hand, and the rest is propagated."""
    import pyagrum as gum

    whole = gum.loadBN(f"{networks}/{name}.bif")

    def call():
        cut = gum.BayesNet(whole)
        for parent in list(cut.parents(variable)):
            cut.eraseArc(parent, cut.idFromName(variable))
        size = cut.variable(variable).domainSize()
        chosen = list(cut.variable(variable).labels()).index(state)
        cut.cpt(variable).fillWith([1.0 if i == chosen else 0.0 for i in range(size)])
        engine = gum.LazyPropagation(cut)
        engine.addTarget(target)
        engine.makeInference()
        return [float(x) for x in engine.posterior(target).toarray()]

    return median(call, options.calls)


def agrum_bootstrap():
    import numpy as np
    import pyagrum as gum
    import pyagrum.causal as causal

    law = np.array([0.5, 0.1, 0.01, 0.02, 0.1, 0.05, 0.02, 0.2])
    random = np.random.default_rng(0)

    def call():
        values = []
        for counts in random.multinomial(10_000, law, size=1000):
            w = counts.reshape(2, 2, 2) / 10_000
            model = gum.fastBN("S{0|1}->T{0|1}->C{0|1};S->C")
            model.cpt("S").fillWith(w.sum((1, 2)).tolist())
            st = w.sum(2)
            model.cpt("T")[:] = st / st.sum(1, keepdims=True)
            table = w / st[:, :, None]
            for s in range(2):
                for t in range(2):
                    model.cpt("C")[{"S": s, "T": t}] = table[s, t]
            front = causal.CausalModel(model, [("H", ["S", "C"])], False)
            _, found, _ = causal.causalImpact(front, on="C", doing="S")
            values.append(float(found[{"S": 1, "C": 1}] - found[{"S": 0, "C": 1}]))
        return [float(np.mean(values)), float(np.std(values))]

    start = time.perf_counter()
    values = call()
    return time.perf_counter() - start, values


if options.task == "sachs":
    seconds, values = (
        pgmpy_query("sachs", "Erk", "Mek", "HIGH", {"PKA"}) if options.peer == "pgmpy" else agrum_sachs()
    )
elif options.task == "alarm":
    query = ("alarm", "BP", "CO", "LOW")
    seconds, values = pgmpy_query(*query) if options.peer == "pgmpy" else agrum_surgery(*query)
elif options.task == "bootstrap":
    seconds, values = agrum_bootstrap()
else:
    sys.exit(f"no task is called {options.task}")
print(json.dumps({"seconds": seconds, "first": values[0], "second": values[1]}))
