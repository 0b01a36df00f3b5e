variable "name" {
  description = "Name of the service that is backed up."
  type        = string
}

variable "environment" {
  description = "Environment that is backed up."
  type        = string
}

variable "project_id" {
  description = "Project, which the bucket's name starts with."
  type        = string
}

variable "region" {
  description = "Region of the bucket and the job."
  type        = string
}

variable "network" {
  description = "Network of the database."
  type        = string
}

variable "subnetwork" {
  description = "Subnetwork that the job gets an address from."
  type        = string
}

variable "database_url_secret" {
  description = "Secret with the value of DATABASE_URL."
  type        = string
}

variable "keep_days" {
  description = "Days that a dump is kept."
  type        = number
  default     = 35
}

variable "memory" {
  description = "Memory of the job: the dump has to fit into it."
  type        = string
  default     = "2Gi"
}

variable "deployer" {
  description = "Service account of the pipeline's deploys."
  type        = string
}

variable "labels" {
  description = "Labels of everything in here."
  type        = map(string)
}
