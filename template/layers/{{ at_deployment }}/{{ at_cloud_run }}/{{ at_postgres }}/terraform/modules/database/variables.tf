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
  description = "Machine type, such as db-custom-2-7680."
  type        = string
}

variable "availability" {
  description = "REGIONAL keeps a standby in another zone, ZONAL does not."
  type        = string

  validation {
    condition     = contains(["REGIONAL", "ZONAL"], var.availability)
    error_message = "REGIONAL or ZONAL."
  }
}

variable "disk_limit_gb" {
  description = "Size up to which the disk grows by itself."
  type        = number
  default     = 100
}

variable "retained_backups" {
  description = "Number of daily backups that are kept."
  type        = number
  default     = 14
}

variable "deletion_protection" {
  description = "Whether a deletion is refused."
  type        = bool
}

variable "password_version" {
  description = "Raise it to make a new password."
  type        = number
}

variable "labels" {
  description = "Labels of everything in here."
  type        = map(string)
}
