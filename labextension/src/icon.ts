import { LabIcon } from '@jupyterlab/ui-components';

/** A box, the icon of an image. */
export const imageIcon = new LabIcon({
  name: 'kusto-magic:image',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <path d="M12 2 3 6.5v11L12 22l9-4.5v-11zm0 2.2 6.3 3.2L12 10.6 5.7 7.4zM5 9l6 3.1v7.2l-6-3zm8 10.3v-7.2L19 9v7.3z"/>
  </g>
</svg>`
});
