variable "name" {
  description = "Name of the registry."
  type        = string
}

variable "region" {
  description = "Region of the registry."
  type        = string
}

variable "labels" {
  description = "Labels of the registry."
  type        = map(string)
}

variable "writers" {
  description = "Who may push images, by a name for each."
  type        = map(string)
}
