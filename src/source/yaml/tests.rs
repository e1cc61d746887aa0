mod corpus;
mod hostile;
mod reading;
mod remarks;
