export { generators, testModels, type TestModel } from './catalogue.ts';
export type { ModelOptions } from './layers.ts';
export { densenet121, type DenseNetOptions } from './densenet121.ts';
export { mobilenetv1 } from './mobilenetv1.ts';
export { resnet18, resnet50, resnetCifar, type ResNetOptions } from './resnet.ts';
export { ssd300 } from './ssd300.ts';
export { vgg16 } from './vgg16.ts';
