variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "service" {
  description = "Name of the service that uses it, which its secret starts with."
  type        = string
}

variable "region" {
  description = "Region of the instance."
  type        = string
}

variable "network" {
  description = "Network in which the instance gets its only address."
  type        = string
}

variable "tier" {
  description = "STANDARD_HA keeps a replica in another zone, BASIC does not."
  type        = string
}

variable "memory_size_gb" {
  description = "Memory of the instance."
  type        = number
  default     = 1
}

variable "url_version" {
  description = "Raise it when the instance's address, password or certificate authority changed."
  type        = number
}

variable "labels" {
  description = "Labels of everything in here."
  type        = map(string)
}
