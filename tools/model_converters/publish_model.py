"""Write only the weights and class names of a training checkpoint."""

from __future__ import annotations

import argparse

from mmsgp.checkpoint.loading import publish_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='checkpoint of a training run')
    parser.add_argument('target', help='file to write')
    args = parser.parse_args()
    publish_weights(args.checkpoint, args.target)
    print(f'wrote {args.target}')


if __name__ == '__main__':
    main()
