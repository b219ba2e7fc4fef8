/** The model and the images that come with the page; they are fetched when someone asks for them. */
import {
  DataError,
  messageOf,
  parseNpy,
  tensorDataset,
  type Dataset,
  type Preprocess,
} from 'decouple';
import calibrationImages from '../../../../test-models/cifar10-subset/calibrate/calib_x.npy?url';
import calibrationLabels from '../../../../test-models/cifar10-subset/calibrate/calib_y.npy?url';
import testImages from '../../../../test-models/cifar10-subset/eval/eval_x.npy?url';
import testLabels from '../../../../test-models/cifar10-subset/eval/eval_y.npy?url';
import preprocess from '../../../../test-models/preprocess.json?raw';
import model from '../../../../test-models/vgg16-cifar10.onnx?url';

/** VGG16 at half width, trained on CIFAR-10. */
export const bundledModel = { name: 'vgg16-cifar10.onnx', url: model } as const;

/** How the bundled images become input. */
const { mean, std } = JSON.parse(preprocess) as Required<Preprocess>;
export const bundledPreprocess: Preprocess = { mean, std };

/** Shape of the bundled images. */
export const bundledShape = [3, 32, 32] as const;

export const bundledClasses = [
  ...['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
] as const;

/** @throws DataError when it can't be fetched. */
export async function fetchBytes(
  url: string,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const fail = (reason: string): never => {
    throw new DataError(`${url}: can't be fetched: ${reason}`);
  };
  const response = await fetch(url, { signal: signal ?? null }).catch((error: unknown) =>
    fail(messageOf(error)),
  );
  if (!response.ok) return fail(`the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function open(images: string, labels: string, name: string): Promise<Dataset> {
  const [x, y] = await Promise.all(
    [images, labels].map(async (url) => parseNpy(await fetchBytes(url), name)),
  );
  if (!x) throw new DataError(`${name}: no images`);
  return tensorDataset(x, y, bundledPreprocess, name);
}

/** Loaded once. */
const once = <T>(load: () => Promise<T>): (() => Promise<T>) => {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
};

/** 640 training images of CIFAR-10, for calibration. */
export const calibrationSet = once(() =>
  open(calibrationImages, calibrationLabels, 'CIFAR-10 training images'),
);
/** 1,500 test images of CIFAR-10, for accuracy. */
export const testSet = once(() => open(testImages, testLabels, 'CIFAR-10 test images'));
