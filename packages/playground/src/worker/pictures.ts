/** The user's own pictures through the original and the optimised network. */
import {
  compile,
  cpu,
  DataError,
  tensor,
  tensorDataset,
  type Graph,
  type Preprocess,
} from 'decouple';

/** A picture as canvases give it, of the size that the network takes. */
export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, opacity of each pixel, row by row. */
  readonly pixels: Uint8ClampedArray;
}

/** A class and its share, by softmax of the first output. */
export interface Guess {
  readonly label: string;
  readonly share: number;
}

/** Bytes by channel; grey pictures are the mean of the colours. */
function planesOf({ pixels, width, height, name }: Picture, channels: number): Uint8Array {
  if (channels !== 1 && channels !== 3)
    throw new DataError(`${name}: pictures have 1 or 3 channels, the network takes ${channels}`);
  const area = width * height;
  const planes = new Uint8Array(channels * area);
  for (let pixel = 0; pixel < area; pixel++) {
    const colours = [0, 1, 2].map((channel) => pixels[4 * pixel + channel] as number);
    if (channels === 1)
      planes[pixel] = Math.round(colours.reduce((sum, value) => sum + value, 0) / 3);
    else colours.forEach((value, channel) => (planes[channel * area + pixel] = value));
  }
  return planes;
}

const mostGuesses = 3;

function guessesOf(scores: Float32Array, labels: readonly string[]): Guess[] {
  const top = scores.reduce((best, score) => Math.max(best, score), -Infinity);
  const powers = Array.from(scores, (score) => Math.exp(score - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers
    .map((power, index) => ({ label: labels[index] ?? `class ${index}`, share: power / sum }))
    .sort((a, b) => b.share - a.share)
    .slice(0, mostGuesses);
}

/**
 * The likeliest classes of a picture.
 * @throws DataError when the network takes no pictures of this size.
 */
export async function classify(
  graph: Graph,
  picture: Picture,
  preprocess: Preprocess,
  labels: readonly string[],
): Promise<Guess[]> {
  const input = graph.inputs[0];
  const channels = Number(input?.type.shape[1]);
  const shape = [1, channels, picture.height, picture.width];
  const planes = tensor('uint8', shape, planesOf(picture, channels));
  const x = await tensorDataset(planes, undefined, preprocess, picture.name).batch([0]);
  const session = await compile(graph, cpu());
  try {
    const outputs = await session.run({ [input?.name ?? '']: x });
    const scores = Object.values(outputs)[0]?.data;
    if (!(scores instanceof Float32Array))
      throw new DataError(`${picture.name}: the network's first output holds no scores`);
    return guessesOf(scores, labels);
  } finally {
    session.dispose();
  }
}
