"""Draw the documentation's pictures.

figures needs the work directories of two runs on VRD, trained and tested as in the
README with --out WORK_DIR/predictions.h5; and Playwright and Chromium
(requirements/tests.txt) for the picture of the report. scene needs the checkpoint of
MotifNet with CCE and the Scorer from `make demo`. drawings needs Chromium, too, and
the file dist/mermaid.min.js of the npm package mermaid (11).
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.progress import track

from helpers.browser import headless_chromium
from mmsgp.apis import SceneGraphInferencer
from mmsgp.reporting.jobs import Job, run_jobs

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
PICTURES = DOCS / 'pictures'
# About as many names as fit into the width of a documentation page.
NUM_PREDICATES = 40
PAGE_WIDTH = 1000
SCENE_CONFIG = ROOT / 'configs/motifnet_cce_scorer_minivg.py'
SCENE = 2
SCENE_IMAGE = ROOT / 'data/minivg/images/2203.jpg'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    pictures = parser.add_subparsers(dest='pictures', required=True)
    scene = pictures.add_parser('scene', help="the README's parsed scene")
    scene.add_argument('checkpoint')
    figures = pictures.add_parser('figures', help='figures and the report')
    figures.add_argument('runs', nargs=2, metavar='WORK_DIR')
    figures.add_argument(
        '--names', nargs=2, metavar='NAME', default=['cross-entropy', 'CCE + Scorer']
    )
    drawings = pictures.add_parser('drawings', help='Mermaid drawings, as SVG')
    drawings.add_argument('mermaid', help='mermaid.min.js')
    return parser.parse_args()


def run(folder: str, tool: str, *arguments: str) -> None:
    """Run a tool, whose output goes into a folder."""
    command = [sys.executable, str(ROOT / f'tools/{tool}.py'), *arguments]
    run_jobs([Job(tool, command, Path(folder, 'output.log'))])


def photograph(page_file: Path, picture: Path) -> None:
    """Take a screenshot of the report's chart of predicates."""
    with headless_chromium() as browser:
        page = browser.new_page(viewport=dict(width=PAGE_WIDTH, height=620))
        page.goto(page_file.as_uri())
        page.select_option('#order', 'change 1')
        page.fill('#least', '5')
        page.evaluate('document.getElementById("predicates").scrollIntoView()')
        page.locator('#chart .row').nth(1).hover()
        page.screenshot(path=picture)


def draw_scene(checkpoint: str) -> None:
    """Draw a scene of the demo beside its annotation, and alone."""
    with tempfile.TemporaryDirectory() as folder:
        run(
            folder,
            'test',
            str(SCENE_CONFIG),
            checkpoint,
            '--work-dir',
            folder,
            '--tasks',
            'sgcls',
            '--show-dir',
            f'{folder}/scenes',
            '--cfg-options',
            f'test_dataloader.dataset.indices={SCENE + 1}',
            'visualizer.topk=8',
        )
        *_, scene = sorted(Path(folder, 'scenes').iterdir())
        save_as_wide_as_a_page(Image.open(scene), PICTURES / 'parsed_scene.png')
    parse = SceneGraphInferencer(checkpoint, show_progress=False)
    picture = parse(str(SCENE_IMAGE), return_vis=True)['visualization'][0]
    save_as_wide_as_a_page(Image.fromarray(picture), PICTURES / 'parsed_image.png')


def save_as_wide_as_a_page(picture: Image.Image, path: Path) -> None:
    height = round(picture.height * PAGE_WIDTH / picture.width)
    picture = picture.convert('RGB').resize((PAGE_WIDTH, height), Image.Resampling.LANCZOS)
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def draw_figures(args: argparse.Namespace) -> None:
    recall = [*args.runs, '--num-predicates', str(NUM_PREDICATES), '--names', *args.names]
    figures = {
        'predicate_distribution': (
            'analysis_tools/plot_predicate_distribution',
            args.runs[0],
            '--num-predicates',
            str(NUM_PREDICATES),
        ),
        'per_class_recall': ('analysis_tools/plot_per_class_recall', *recall),
        'per_class_change': ('analysis_tools/plot_per_class_change', *recall),
        'training_curves': (
            'analysis_tools/analyze_logs',
            'plot_curve',
            *args.runs,
            '--legend',
            *args.names,
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, command in track(figures.items(), 'drawing', transient=True):
            run(folder, *command, '--out', f'{folder}/{name}')
        report = Path(folder, 'report.html')
        run(
            folder,
            'analysis_tools/report',
            *args.runs,
            '--names',
            *args.names,
            '--out',
            str(report),
        )
        photograph(report, Path(folder, 'report.png'))
        for name in (*figures, 'report'):
            picture = Image.open(Path(folder, f'{name}.png')).convert('RGB')
            picture.quantize(64, dither=Image.Dither.NONE).save(
                PICTURES / f'{name}.png', optimize=True
            )
            print(PICTURES / f'{name}.png')


def draw_drawings(mermaid: str) -> None:
    """Draw each page's Mermaid source. Colours are those of the page that shows it."""
    settings = dict(
        startOnLoad=False,
        htmlLabels=False,
        fontFamily='sans-serif',
        flowchart=dict(padding=8, rankSpacing=24, diagramPadding=2),
    )
    with headless_chromium() as browser:
        page = browser.new_page()
        page.add_script_tag(path=mermaid)
        page.evaluate('settings => mermaid.initialize(settings)', settings)
        for path in sorted(DOCS.glob('**/*.md')):
            for source in re.findall(r'^```mermaid\n(.*?)^```', path.read_text(), re.M | re.S):
                drawn = page.evaluate(
                    'async ([name, source]) => (await mermaid.render(name, source)).svg',
                    [path.stem, source],
                )
                digest = hashlib.sha256(source.encode()).hexdigest()
                svg = re.sub(r'<style>.*?</style>', '', drawn, flags=re.S)
                svg = svg.replace('<svg ', f'<svg data-source="{digest}" ', 1)
                (PICTURES / f'{path.stem}.svg').write_text(svg + '\n')
                print(PICTURES / f'{path.stem}.svg')


def main() -> None:
    args = parse_args()
    if args.pictures == 'scene':
        draw_scene(args.checkpoint)
    elif args.pictures == 'drawings':
        draw_drawings(args.mermaid)
    else:
        draw_figures(args)


if __name__ == '__main__':
    main()
