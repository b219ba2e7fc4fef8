/** Where `npm run setup:gl` leaves the build for this version of Node: in the user's cache. */
const { homedir } = require('node:os');
const { join } = require('node:path');
const { version } = require('./package.json');

const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const build = `gl-${version}-${process.platform}-${process.arch}-${process.versions.modules}`;

module.exports = join(caches, 'decouple', build);
