/** Stands in for the native package webgpu, which gpu.js lists as a dependency and never loads. */
throw new Error('webgpu is a stand-in here: the native package is not installed');
