/** What the setting of notifications means. */
import type { NotificationLevel } from '../tokens';

/** Return whether the end is announced: to a user who sees the card, only if all are wanted. */
export function isEndAnnounced(level: NotificationLevel, isShown: boolean): boolean {
  return level === 'all' || (level === 'end' && !isShown);
}
