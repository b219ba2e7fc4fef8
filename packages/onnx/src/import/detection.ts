/** Ops of detectors: choosing boxes and reading regions. */
import type { Importer } from './call.ts';

const nonMaxSuppression: Importer = (call) =>
  call.result('non-max-suppression', call.inputs, {
    centerPoint: call.attrs.integer('center_point_box', 0) !== 0,
  });

const roiAlign: Importer = (call) => {
  const mode = call.attrs.text('mode', 'avg');
  // Coordinates at pixel centres came with operator set 16.
  const transform = call.attrs.text(
    'coordinate_transformation_mode',
    call.opset < 16 ? 'output_half_pixel' : 'half_pixel',
  );
  if (mode !== 'avg' && mode !== 'max') return `mode '${mode}'`;
  if (transform !== 'half_pixel' && transform !== 'output_half_pixel')
    return `coordinate_transformation_mode '${transform}'`;
  call.result('roi-align', call.inputs, {
    mode: mode === 'avg' ? 'average' : 'max',
    output: [call.attrs.integer('output_height', 1), call.attrs.integer('output_width', 1)],
    samplingRatio: call.attrs.integer('sampling_ratio', 0),
    scale: call.attrs.float('spatial_scale', 1),
    halfPixel: transform === 'half_pixel',
  });
};

export const detection: Readonly<Record<string, Importer>> = {
  NonMaxSuppression: nonMaxSuppression,
  RoiAlign: roiAlign,
};
