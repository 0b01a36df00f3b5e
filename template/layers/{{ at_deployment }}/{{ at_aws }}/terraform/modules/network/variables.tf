variable "name" {
  description = "Name of the service in this environment."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zone_count" {
  description = "Availability zones in use. The load balancer and the database need two."
  type        = number
  default     = 2

  validation {
    condition     = var.zone_count >= 2
    error_message = "Use at least two availability zones."
  }
}
