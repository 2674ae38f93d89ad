"""Models that each grid compares."""

from __future__ import annotations

from pathlib import Path

# Base models, the cheapest first.
COST = (
    *('frequency', 'imp', 'motifnet', 'linknet', 'transformer', 'gpsnet'),
    *('react', 'penet', 'squat', 'vctree', 'kern'),
)
# Heads that papers compare.
HEADS = {
    'IMP': 'imp',
    'MotifNet': 'motifnet',
    'LinkNet': 'linknet',
    'KERN': 'kern',
    'Transformer': 'transformer',
    'GPS-Net': 'gpsnet',
    'VCTree': 'vctree',
    'PE-Net': 'penet',
    'REACT++': 'react',
    'SQUAT': 'squat',
}
# Settings of further tests of a trained model; a row names one as CONFIG+VARIANT.
VARIANTS = {
    'logit_adjusted': (
        'model.relation_head.debiasing.type=PostHocLogitAdjustment',
        'model.relation_head.debiasing.tau=0.3',
    )
}
# Rows of each grid: name in the paper, and name of the config without its data set.
GRIDS = {
    'table1': {
        'MotifNet': 'motifnet_ce',
        'LinkNet': 'linknet_ce',
        'MotifNet+Focal': 'motifnet_focal',
        'LinkNet+Focal': 'linknet_focal',
        'KERN (no fine-tuning)': 'kern_ce',
        'KERN+CCE+Scorer': 'kern_cce_scorer',
        'MotifNet+CCE+Scorer': 'motifnet_cce_scorer',
        'LinkNet+CCE+Scorer': 'linknet_cce_scorer',
    },
    'table2': {
        'MotifNet': 'motifnet_ce',
        'MotifNet+CCE': 'motifnet_cce',
        'MotifNet+Scorer': 'motifnet_scorer',
        'MotifNet+CCE+Scorer': 'motifnet_cce_scorer',
        'MotifNet+CCE+Scorer w/o SA': 'motifnet_cce_scorer_wo_sa',
        'LinkNet': 'linknet_ce',
        'LinkNet+CCE': 'linknet_cce',
        'LinkNet+Scorer': 'linknet_scorer',
        'LinkNet+CCE+Scorer': 'linknet_cce_scorer',
        'LinkNet+CCE+Scorer w/o SA': 'linknet_cce_scorer_wo_sa',
        'KERN': 'kern_ce',
        'KERN+CCE': 'kern_cce',
        'KERN+CCE+Scorer': 'kern_cce_scorer',
        'KERN+CCE+Scorer w/o SA': 'kern_cce_scorer_wo_sa',
    },
    # CCE and Scorer from a model that cross-entropy has trained
    'from_ce': {
        'MotifNet': 'motifnet_ce',
        'MotifNet, further epochs': 'motifnet_ce_from_ce',
        'MotifNet+CCE+Scorer': 'motifnet_cce_scorer',
        'MotifNet+CCE+Scorer from CE': 'motifnet_cce_scorer_from_ce',
        'LinkNet': 'linknet_ce',
        'LinkNet, further epochs': 'linknet_ce_from_ce',
        'LinkNet+CCE+Scorer': 'linknet_cce_scorer',
        'LinkNet+CCE+Scorer from CE': 'linknet_cce_scorer_from_ce',
        'KERN': 'kern_ce',
        'KERN, further epochs': 'kern_ce_from_ce',
        'KERN+CCE+Scorer from CE': 'kern_cce_scorer_from_ce',
    },
    # heads, each with cross-entropy, with CCE and Scorer, and debiased in tests
    'methods': {
        f'{name}{suffix}': f'{head}_{row}'
        for name, head in HEADS.items()
        for suffix, row in (
            ('', 'ce'),
            ('+CCE+Scorer', 'cce_scorer'),
            ('+logit adjustment', 'ce+logit_adjusted'),
        )
    },
}
# K of the columns of each grid.
TOPK = {
    'table1': ('20', '50', '100'),
    'table2': ('20', '50', '100', 'all'),
    'from_ce': ('20', '50', '100', 'all'),
    'methods': ('50', '100'),
}
# Columns other than mR alone.
METRICS = {'methods': ('R', 'mR', 'F')}


def available(rows: dict[str, str], data: str, folder: Path) -> dict[str, str]:
    """Return the rows of a grid whose configs exist for a data set."""
    return {
        method: row
        for method, row in rows.items()
        if (folder / f'{row.partition("+")[0]}_{data}.py').is_file()
    }
