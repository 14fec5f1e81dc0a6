// A module's number from its place in the order, not from a hash of its path: the same in whatever folder it is built.
module.exports = { optimization: { moduleIds: 'natural' } };
