/** Icons of the extension. Those of states have no color of their own: `style/components.css` gives them one. */
import { LabIcon } from '@jupyterlab/ui-components';

import type { Outcome } from './model/outcomes';

/** A box, the icon of an image. */
export const imageIcon = new LabIcon({
  name: 'kusto-magic:image',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <path d="M12 2 3 6.5v11L12 22l9-4.5v-11zm0 2.2 6.3 3.2L12 10.6 5.7 7.4zM5 9l6 3.1v7.2l-6-3zm8 10.3v-7.2L19 9v7.3z"/>
  </g>
</svg>`
});

/** A filled circle with a sign in it. */
function circle(name: string, sign: string): LabIcon {
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16" fill="currentColor">
  <path fill-rule="evenodd" d="M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z${sign}"/>
</svg>`;
  return new LabIcon({ name: `kusto-magic:${name}`, svgstr });
}

const failedIcon = circle('failed', 'm1 15h-2v-2h2zm0-4h-2V7h2z');
const stoppedIcon = circle('stopped', 'm5 11H7v-2h10z');

const OUTCOME_ICONS: Readonly<Record<Outcome, LabIcon>> = {
  succeeded: circle('succeeded', 'm-1.6 14.6L5.8 12l1.4-1.4 3.2 3.2 6.4-6.4 1.4 1.4z'),
  failed: failedIcon,
  rejected: failedIcon,
  canceled: stoppedIcon,
  notSubmitted: stoppedIcon,
  unknown: circle(
    'unknown',
    'm1 17h-2v-2h2zm2.1-7.7-.9.9c-.7.7-1.2 1.3-1.2 2.8h-2v-.5c0-1.1.5-2.1 1.2-2.8l1.2-1.3c.4-.3.6-.8.6-1.4a2 2 0 1 0-4 0H8a4 4 0 1 1 8 0c0 .9-.4 1.7-.9 2.3z'
  )
};

/** A ring of which a quarter is filled; `style/components.css` turns it. */
const runningIcon = new LabIcon({
  name: 'kusto-magic:running',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16" fill="none" stroke="currentColor" stroke-width="2.6">
  <circle cx="12" cy="12" r="9" stroke-opacity=".25"/>
  <path d="M12 3a9 9 0 0 1 9 9" stroke-linecap="round"/>
</svg>`
});

/** Return the icon of an outcome; null is in progress. */
export function stateIcon(outcome: Outcome | null): LabIcon {
  return outcome ? OUTCOME_ICONS[outcome] : runningIcon;
}
