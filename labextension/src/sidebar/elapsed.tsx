/** The time since an operation was started. */
import type * as React from 'react';
import { useRef } from 'react';

import type { ICard } from '../cards/cardData';
import { useElapsed } from '../cards/cardParts';
import { roughDuration } from './rowTexts';

export function Elapsed({ card }: { card: ICard }): React.JSX.Element {
  const received = useRef({ card, at: Date.now() });
  if (received.current.card !== card) {
    received.current = { card, at: Date.now() };
  }
  return <span className="jp-KustoImage-count">{roughDuration(useElapsed(card, received.current.at))}</span>;
}
