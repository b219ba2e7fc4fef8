/** TensorFlow.js on WebGL. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgl';

/** Starts the backend, whose sums are single precision as ours. */
export async function startTfjs(): Promise<string> {
  await tf.setBackend('webgl');
  await tf.ready();
  return `TensorFlow.js ${tf.version_core}, ${tf.getBackend()}, ${tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED') ? 'float32' : 'float16'}`;
}
