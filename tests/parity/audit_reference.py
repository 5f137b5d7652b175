"""Statistics of the confounder audit by scipy, statsmodels and scikit-learn, and by the papers' own sums where no package has
them. Writes audit_reference.json beside this file; tests/tests/audit.rs reads it. Needs no film:

    python tests/parity/audit_reference.py
"""

import json
import warnings
from pathlib import Path

import numpy
import scipy
import sklearn
import statsmodels
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

FILMS = 200
Z = stats.norm.ppf(0.975)


def placements(scores, first):
    """Shares that DeLong's components are made of, by all pairs."""
    x, y = scores[first], scores[~first]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(), psi.mean(axis=1), psi.mean(axis=0)


def delong(scores, first):
    auc, of_first, of_second = placements(scores, first)
    return auc, of_first.var(ddof=1) / len(of_first) + of_second.var(ddof=1) / len(of_second)


def obuchowski(scores, first, patients):
    """Obuchowski 1997, equations 4 to 7, written out by patient."""
    auc, of_first, of_second = placements(scores, first)
    m, n = first.sum(), (~first).sum()
    a, b = {}, {}
    for patient, value in zip(patients[first], of_first):
        a.setdefault(patient, []).append(value)
    for patient, value in zip(patients[~first], of_second):
        b.setdefault(patient, []).append(value)
    clusters = len(set(a) | set(b))
    s10 = len(a) / ((len(a) - 1) * m) * sum((sum(v) - len(v) * auc) ** 2 for v in a.values())
    s01 = len(b) / ((len(b) - 1) * n) * sum((sum(v) - len(v) * auc) ** 2 for v in b.values())
    both = sum((sum(a[p]) - len(a[p]) * auc) * (sum(b[p]) - len(b[p]) * auc) for p in set(a) & set(b))
    s11 = clusters / (clusters - 1) * both
    return auc, s10 / m + s01 / n + 2 * s11 / (m * n)


def newcombe(auc, m, n):
    """Newcombe 2006, method 5."""
    star = (m + n) / 2 - 1

    def gap(a):
        spread = a * (1 - a) / (m * n) * (1 + star * (1 - a) / (2 - a) + star * a / (1 + a))
        return abs(a - auc) - Z * max(spread, 0) ** 0.5

    low = optimize.brentq(gap, 1e-12, auc - 1e-12, xtol=1e-15) if auc > 0 else 0.0
    high = optimize.brentq(gap, auc + 1e-12, 1 - 1e-12, xtol=1e-15) if auc < 1 else 1.0
    return [low, high]


def cohens_d(x, y):
    pooled = ((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)) / (len(x) + len(y) - 2)
    return (x.mean() - y.mean()) / pooled**0.5


def wilson(hits, all_):
    return [float(v) for v in proportion_confint(hits, all_, method="wilson")]


def data():
    random = numpy.random.default_rng(8)
    view = random.random(FILMS) < 0.35
    site = random.integers(0, 3, FILMS)
    age = numpy.where(random.random(FILMS) < 0.1, numpy.nan, random.integers(20, 90, FILMS)).astype(float)
    finding = random.random(FILMS) < 0.25
    patients = random.integers(0, 70, FILMS)
    sixteenths = lambda values: numpy.round(numpy.maximum(values, 0) * 16) / 16
    noise = lambda: random.normal(size=FILMS)
    features = [
        sixteenths(numpy.where(random.random(FILMS) < 0.1 + 0.4 * view, 1 + noise(), 0)),
        sixteenths(20 + noise() + 0.5 * view + 0.01 * numpy.nan_to_num(age)),
        sixteenths(numpy.where(numpy.arange(FILMS) % 70 == 3, 2, 0)),
        sixteenths(view * (3 + random.random(FILMS))),
        random.integers(0, 4, FILMS).astype(float),
        sixteenths(numpy.where(random.random(FILMS) < 0.2, 1 + site * 0.5 + noise() * 0.3, 0)),
        sixteenths(numpy.nan_to_num(age) / 40 - 1 + 0.3 * noise()),
        sixteenths(numpy.where(patients < 10, 2 + 0.2 * noise(), 0)),
        numpy.zeros(FILMS),
    ]
    return view, site, age, finding, patients, features


def of_feature(x, view, site, age, finding, patients):
    known = ~numpy.isnan(age)
    rho, p = stats.spearmanr(x[known], age[known])
    reach = Z / (known.sum() - 3) ** 0.5
    auc, films = delong(x, view)
    assert abs(auc - roc_auc_score(view, x)) < 1e-12
    clustered = obuchowski(x, view, patients)[1]
    assert abs(obuchowski(x, view, numpy.arange(FILMS))[1] - films) < 1e-15
    u = stats.mannwhitneyu(x[view], x[~view], alternative="two-sided", method="asymptotic")
    assert abs(u.statistic / (view.sum() * (~view).sum()) - auc) < 1e-12
    h = stats.kruskal(*[x[site == group] for group in range(3)])
    order = numpy.lexsort((numpy.arange(FILMS), -x))
    top = [film for film in order if x[film] > 0][:50]
    cliff = numpy.sign(x[view][:, None] - x[~view][None, :]).mean()
    strata = [delong(x[finding == present], view[finding == present]) for present in (True, False)]
    return {
        "auc": auc,
        "variance": films,
        "clustered": clustered,
        "mann_whitney": u.pvalue,
        "cohens_d": cohens_d(x[view], x[~view]),
        "cliff": cliff,
        "rho": rho,
        "spearman": p,
        "fisher": [numpy.tanh(numpy.arctanh(rho) - reach), numpy.tanh(numpy.arctanh(rho) + reach)],
        "kruskal": [h.statistic, h.pvalue],
        "one_against_rest": [roc_auc_score(site == group, x) for group in range(3)],
        "fires": [wilson((x[view] > 0).sum(), view.sum()), wilson((x[~view] > 0).sum(), (~view).sum())],
        "top": [int(view[top].sum()), len(top)],
        "strata": strata,
        "finding": delong(x, finding),
    }


def number(i, j):
    """Also in the Rust test."""
    return numpy.float32(((i * 7919 + j * 6101 + i * j * 37) % 1009) / 1009)


def logistic(films, dim):
    labels = numpy.array([i * 7 % 5 < 2 for i in range(films)])
    rows = numpy.array([[number(i, j) for j in range(dim)] for i in range(films)], dtype=numpy.float64)
    # One number follows the label, one is constant, one is 0 on most films.
    rows[:, 0] += labels * numpy.float32(0.25)
    rows[:, 0] = rows[:, 0].astype(numpy.float32)
    rows[:, 1] = 0.1
    rows[:, 2] = numpy.where(rows[:, 2] > 0.9, rows[:, 2], 0)
    rows = rows.astype(numpy.float32).astype(numpy.float64)
    folds = numpy.array([i // 3 % 5 for i in range(films)])
    probabilities = numpy.zeros(films)
    for fold in range(5):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, solver="lbfgs", tol=1e-12, max_iter=100000))
        model.fit(rows[folds != fold], labels[folds != fold])
        probabilities[folds == fold] = model.predict_proba(rows[folds == fold])[:, 1]
    return {"films": films, "dim": dim, "probabilities": [round(float(p), 10) for p in probabilities]}


def gap(features, view, finding):
    x = features[1]
    inside, outside = delong(x[view], finding[view]), delong(x[~view], finding[~view])
    difference = inside[0] - outside[0]
    spread = (inside[1] + outside[1]) ** 0.5
    return {
        "inside": inside,
        "outside": outside,
        "difference": [difference, difference - Z * spread, difference + Z * spread],
        "p": 2 * stats.norm.sf(abs(difference) / spread),
    }


def main():
    warnings.filterwarnings("ignore", category=stats.ConstantInputWarning)
    view, site, age, finding, patients, features = data()
    tested = [x for x in features if x.any()]
    results = [of_feature(x, view, site, age, finding, patients) for x in tested]
    p = [result["mann_whitney"] for result in results]
    q = stats.false_discovery_control(p)
    assert numpy.allclose(q, multipletests(p, method="fdr_bh")[1], rtol=1e-14)
    plain = lambda v: v.item() if hasattr(v, "item") else v
    reference = {
        "versions": {
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "statsmodels": statsmodels.__version__,
        },
        "view": ["AP" if v else "PA" for v in view],
        "site": ["ABC"[s] for s in site],
        "age": ["" if numpy.isnan(a) else str(int(a)) for a in age],
        "finding": [int(f) for f in finding],
        "patients": [int(v) for v in patients],
        "features": [[float(v) for v in x] for x in features],
        "results": results,
        "q": list(q),
        "newcombe": [[auc, m, n, *newcombe(auc, m, n)] for auc, m, n in [(1.0, 10, 20), (0.0, 7, 300), (1.0, 60, 60)]],
        "gap": gap(features, view, finding),
        "logistic": [logistic(90, 6), logistic(90, 200), logistic(300, 1024)],
    }
    path = Path(__file__).with_name("audit_reference.json")
    path.write_text(json.dumps(reference, default=plain) + "\n")
    print(path, path.stat().st_size)


main()
