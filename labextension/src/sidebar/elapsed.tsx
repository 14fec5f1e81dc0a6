/** The time since an operation was started. */
import type * as React from 'react';
import { useRef } from 'react';

import type { ICard } from '../cards/cardData';
import { useElapsed } from '../cards/cardParts';

export function Elapsed({ card }: { card: ICard }): React.JSX.Element {
  const received = useRef({ card, at: Date.now() });
  if (received.current.card !== card) {
    received.current = { card, at: Date.now() };
  }
  return <span className="jp-KustoImage-count">{roughDuration(useElapsed(card, received.current.at))}</span>;
}

/** Return a duration in its largest unit: "48 s", "5 min", "1 h 3 min". */
export function roughDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) {
    return `${Math.floor(seconds)} s`;
  }
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
