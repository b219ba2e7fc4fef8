/**
 * Data for a denoiser of grey images: clean tiles and the same with Gaussian noise (σ = 25 of 255, not clipped).
 * Calibration tiles come from photographs, the test tiles from Set12.
 */
import { join } from 'node:path';
import {
  createRandom,
  float32,
  psnrMetric,
  tensorDataset,
  type Dataset,
  type Metric,
} from 'decouple';
import sharp from 'sharp';

const sigma = 25 / 255;
const photos = ['astronaut.png', 'brick.png', 'coffee.png', 'grass.png', 'retina.jpg'];

/** Rows and columns of tiles, and of the part of each image that they cover. */
const size = 64;
const across = 256;

/** Tiles that cover the image's middle, values in 0..1. */
async function tilesOf(path: string): Promise<Float32Array[]> {
  const { width, height } = await sharp(path).metadata();
  const [left, top] = [width, height].map((side) => Math.floor((side - across) / 2)) as [
    number,
    number,
  ];
  const places = Array.from({ length: (across / size) ** 2 }, (_, index) => ({
    left: left + size * (index % (across / size)),
    top: top + size * Math.floor(index / (across / size)),
  }));
  return Promise.all(
    places.map(async (place) => {
      const pixels = await sharp(path)
        .removeAlpha()
        .extract({ ...place, width: size, height: size })
        .greyscale()
        .raw()
        .toBuffer();
      return Float32Array.from(pixels, (value) => value / 255);
    }),
  );
}

interface Pairs {
  readonly noisy: Dataset;
  readonly clean: Dataset;
}

async function pairs(paths: readonly string[], seed: number): Promise<Pairs> {
  const tiles = (await Promise.all(paths.map(tilesOf))).flat();
  const random = createRandom(seed);
  const dataset = (noise: number): Dataset => {
    const data = new Float32Array(tiles.length * size * size);
    tiles.forEach((tile, index) =>
      data.set(
        noise ? tile.map((value) => value + noise * random.normal()) : tile,
        index * size * size,
      ),
    );
    return tensorDataset(float32([tiles.length, 1, size, size], data));
  };
  return { noisy: dataset(sigma), clean: dataset(0) };
}

/** @param folder with the photographs of scikit-image in `photos`, and `set12`. */
export async function denoisingData(
  folder: string,
): Promise<{ calibration: Dataset; test: Metric }> {
  const photo = (name: string): string => join(folder, 'photos', name);
  const set12 = Array.from({ length: 12 }, (_, index) =>
    join(folder, 'set12', `${String(index + 1).padStart(2, '0')}.png`),
  );
  const [calibration, test] = [await pairs(photos.map(photo), 1), await pairs(set12, 3)];
  return {
    calibration: calibration.noisy,
    test: psnrMetric(test.noisy, test.clean),
  };
}
