"""Models that each grid compares."""

from __future__ import annotations

# Base models, the cheapest first.
COST = ('frequency', 'motifnet', 'linknet', 'kern')
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
}
# K of the columns of each grid.
TOPK = {
    'table1': ('20', '50', '100'),
    'table2': ('20', '50', '100', 'all'),
    'from_ce': ('20', '50', '100', 'all'),
}
